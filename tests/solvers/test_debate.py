"""Debates of scripted agents."""

import collections

import numpy as np
import pytest

from prm_jax.solvers import debate, writing
from prm_jax.tasks import game24
from tests.solvers import scripted

PROBLEMS = [game24.make_problem(n) for n in ((4, 4, 10, 13), (1, 2, 3, 4))]


def agent(answers) -> scripted.Script:
  """Answers by `answers(prompt)`."""
  return scripted.Script(
    lambda prompt: scripted.solution(
      prompt.problem, ["it", "is"], answers(prompt)
    )
  )


def sampled(prompt) -> str | None:
  """Any of three answers or none, by problem and draw."""
  seed = [*prompt.problem.meta["numbers"], prompt.draw]
  return np.random.default_rng(seed).choice(["x", "y", "z", None])


def followed(prompt) -> str | None:
  """What most of the others said."""
  if not prompt.seen:
    return sampled(prompt)
  others = collections.Counter(one.answer for one in prompt.seen[1:])
  return others.most_common(1)[0][0]


def test_one_round_is_self_consistency():
  problems = [
    game24.make_problem((a, b, 3, 4)) for a in range(1, 9) for b in range(a, 9)
  ]
  writer = agent(sampled)
  found = debate.debate(problems, agents=[writer] * 5, num_rounds=1)
  assert all(prompt.seen == () for prompt in writer.seen)
  parallel = [
    [writer([writing.Prompt(p, draw=k)])[0].solution for k in range(5)]
    for p in problems
  ]
  assert [rounds[0] for rounds in found.rounds] == parallel
  for said, chosen in zip(parallel, found.chosen, strict=True):
    counts = collections.Counter(s.answer for s in said if s.answer)
    most = counts[said[chosen].answer]
    assert most == max(counts.values())
    assert said[chosen].answer not in [s.answer for s in said[:chosen]]
    earlier = {s.answer for s in said[:chosen]} - {None}
    assert all(counts[answer] < most for answer in earlier)


def test_agents_see_the_last_round_their_own_first():
  writers = [agent(lambda prompt, k=k: f"{k}") for k in range(3)]
  found = debate.debate(PROBLEMS, agents=writers, num_rounds=3)
  for k, writer in enumerate(writers):
    assert [p.draw for p in writer.seen] == [k, k, 3 + k, 3 + k, 6 + k, 6 + k]
    order = [str(k), *(str(j) for j in range(3) if j != k)]
    for prompt in writer.seen[2:]:
      assert [one.answer for one in prompt.seen] == order
      assert {one.problem_id for one in prompt.seen} == {prompt.problem.id}
  assert [len(rounds) for rounds in found.rounds] == [3, 3]


def test_the_last_round_decides():
  """One agent convinces the others, who had outvoted it."""
  first = agent(lambda prompt: "x")
  others = [
    agent(lambda prompt: prompt.seen[1].answer if prompt.seen else "y")
    for _ in range(2)
  ]
  for num_rounds, want in ((1, "y"), (2, "x")):
    found = debate.debate(
      PROBLEMS, agents=[first, *others], num_rounds=num_rounds
    )
    for rounds, chosen in zip(found.rounds, found.chosen, strict=True):
      assert rounds[-1][chosen].answer == want


def test_what_is_read_again_is_counted():
  """n agents read n solutions in each round after the first."""
  agents, rounds = 4, 3
  found = debate.debate(
    PROBLEMS, agents=[agent(followed)] * agents, num_rounds=rounds
  )
  words = len(PROBLEMS[0].prompt.split())
  shown = words + 4  # the problem, two steps of a word, two delimiters
  want = writing.Spent(
    policy_tokens=agents * rounds * 2,
    prompt_tokens=agents * rounds * words + (rounds - 1) * agents**2 * shown,
  )
  assert found.spent == [want] * 2


@pytest.mark.parametrize(("agents", "rounds"), [(0, 1), (1, 0)])
def test_somebody_has_to_speak(agents, rounds):
  with pytest.raises(ValueError, match="an agent and a round"):
    debate.debate(PROBLEMS, agents=[agent(sampled)] * agents, num_rounds=rounds)
