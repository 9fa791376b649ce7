"""A critic's turns with scripted models, and their law on chains."""

import math

import numpy as np
import pytest
import scipy.stats

from prm_jax.solvers import critic, writing
from prm_jax.tasks import base, chain, game24
from tests.solvers import scripted

PROBLEMS = [game24.make_problem(n) for n in ((4, 4, 10, 13), (1, 2, 3, 4))]
STEPS = ("a", "b", "c")


def writer() -> scripted.Script:
  """Keeps what it is told to and numbers the rest by its draw."""

  def write(prompt):
    rest = [f"{s}{prompt.draw}" for s in STEPS[len(prompt.kept) :]]
    return scripted.solution(prompt.problem, [*prompt.kept, *rest])

  return scripted.Script(write)


def judging(votes) -> critic.CriticFn:
  """`votes(problem, solution)` gives [K, steps]; notes repeat the steps."""
  return lambda problems, solutions: [
    critic.Judgement(
      np.array(votes(problem, one), float),
      tuple(f"not {step}" for step in one.steps),
      writing.Spent(verifier_tokens=7),
    )
    for problem, one in zip(problems, solutions, strict=True)
  ]


@pytest.mark.parametrize(
  ("start", "values", "want"),
  [
    (0.5, (0.6, 0.4, 0.4, 0.0, 0.2), [1, 0, 1, 0, 0]),
    (0.5, (0.4,), [1]),  # just enough
    (0.0, (0.4, 0.4), [0, 0]),
    (0.5, (math.nan, 0.9), [0, 0]),
    (0.5, (), []),
  ],
)
def test_relative_progress(start, values, want):
  assert critic.relative_progress(values, start).tolist() == want


def test_a_critic_of_values_judges_by_progress():
  values = scripted.Scores(lambda problem, one: (0.6, 0.4, 0.4))
  one = scripted.solution(PROBLEMS[0], STEPS)
  (found,) = critic.ProgressCritic(values, 0.5)(PROBLEMS[:1], [one])
  assert found.votes.tolist() == [[1, 0, 1]]
  assert found.notes == STEPS
  assert found.spent == writing.Spent(verifier_tokens=3)
  (found,) = critic.ScoreCritic(values)(PROBLEMS[:1], [one])
  assert found.votes.tolist() == [[0.6, 0.4, 0.4]]


def test_rationales_are_pooled():
  """Two doubts outvote a certainty, which outweighs them in the mean."""
  votes = np.array([[1.0, 0.9], [0.4, 0.9], [0.4, 0.1]])
  np.testing.assert_allclose(critic.mean(votes), [0.6, 0.6333], atol=1e-4)
  np.testing.assert_allclose(critic.majority(votes), [1 / 3, 2 / 3])
  for pool, want in ((critic.mean, []), (critic.majority, [0])):
    found = critic.refine(
      PROBLEMS[:1],
      draft_fn=scripted.Script(
        lambda prompt: scripted.solution(prompt.problem, STEPS[:2])
      ),
      refine_fn=(refined := writer()),
      critic_fn=judging(lambda problem, one: votes),
      turns=1,
      pool=pool,
    )
    assert [p.notes for p in refined.seen] == [("not a",)] * len(want)
    assert len(found.attempts[0]) == 1 + len(want)


def test_negative_steps_go_back_until_there_are_none():
  """The first problem's steps are wrong until its third attempt."""

  def votes(problem, one):
    if problem == PROBLEMS[0] and not one.steps[1].endswith("2"):
      return [[0.9, 0.2, 0.4]]
    return [[0.9, 0.9, 0.5]]

  refined = writer()
  found = critic.refine(
    PROBLEMS,
    draft_fn=writer(),
    refine_fn=refined,
    critic_fn=judging(votes),
    turns=5,
  )
  assert [len(row) for row in found.attempts] == [3, 1]
  draft = found.attempts[0][0]
  assert refined.seen[0] == writing.Prompt(
    PROBLEMS[0], (), (draft,), ("not b0", "not c0"), 1
  )
  assert [p.draw for p in refined.seen] == [1, 2]
  last, spent = found.after(5)
  assert [one.steps[0] for one in last] == ["a2", "a0"]
  assert found.after(1)[0] == [found.attempts[0][1], found.attempts[1][0]]
  assert [one.verifier_tokens for one in spent] == [21, 7]
  assert [one.policy_tokens for one in spent] == [9, 3]


def test_turns_bound_the_attempts_and_the_last_is_not_judged():
  for turns in (0, 3):
    found = critic.refine(
      PROBLEMS[:1],
      draft_fn=writer(),
      refine_fn=writer(),
      critic_fn=judging(lambda problem, one: [[0, math.nan, 1]]),
      turns=turns,
    )
    assert len(found.attempts[0]) == turns + 1
    assert found.spent[0][-1].verifier_tokens == 7 * turns
  with pytest.raises(ValueError, match="turns"):
    critic.refine(
      PROBLEMS,
      draft_fn=writer(),
      refine_fn=writer(),
      critic_fn=judging(lambda problem, one: [[0]]),
      turns=-1,
    )


def test_valid_steps_can_be_kept():
  refined = writer()
  found = critic.refine(
    PROBLEMS[:1],
    draft_fn=writer(),
    refine_fn=refined,
    critic_fn=judging(lambda problem, one: [[0.9, 0.2, 0.1]]),
    turns=2,
    prompt_fn=critic.keep_valid,
  )
  first, second = refined.seen
  assert (first.kept, first.notes) == (("a0",), ("not b0",))
  assert (second.kept, second.notes) == (("a0",), ("not b1",))
  assert [one.steps for one in found.attempts[0]] == [
    ("a0", "b0", "c0"),
    ("a0", "b1", "c1"),
    ("a0", "b2", "c2"),
  ]
  assert [one.policy_tokens for one in found.spent[0]] == [3, 5, 7]


def test_law_of_the_turns():
  """Exact critic: T good steps before the (k + 1)-th bad one, a negative
  binomial; each attempt begins where the last one failed."""
  config = chain.Config(
    3, 4, error_rate=0.4, recovery_rate=0.0, num_problems=20
  )
  task = chain.Chain(config)
  rng = np.random.default_rng(5)
  problems = [
    chain.make_problem(rng.integers(3, size=5), 3) for _ in range(1500)
  ]
  problems = [
    base.Problem(f"{p.id}/{i}", p.task, p.prompt, p.answer, p.meta)
    for i, p in enumerate(problems)
  ]
  write = scripted.chain_writer(task)
  found = critic.refine(
    problems,
    draft_fn=write,
    refine_fn=write,
    critic_fn=critic.ScoreCritic(scripted.valid(task)),
    turns=3,
    prompt_fn=critic.keep_valid,
  )
  for turns in range(4):
    attempts, _ = found.after(turns)
    sound = [
      chain.first_error(p, one.steps) is None
      for p, one in zip(problems, attempts, strict=True)
    ]
    want = scipy.stats.nbinom.cdf(turns, 4, 1 - config.error_rate)
    # A wrong sum may yet be guessed right; it is not sound.
    error = math.sqrt(want * (1 - want) / len(problems))
    assert abs(np.mean(sound) - want) < 4.5 * error
