"""Chains of revisions with scripted models."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import votes
from prm_jax.solvers import revisions, writing
from prm_jax.tasks import game24
from tests.solvers import scripted

PROBLEMS = [game24.make_problem(n) for n in ((4, 4, 10, 13), (1, 2, 3, 4))]


def answers(table) -> scripted.Script:
  """Answers by the draw."""
  return scripted.Script(
    lambda prompt: scripted.solution(
      prompt.problem, [f"draw {prompt.draw}"], table[prompt.draw]
    )
  )


def test_the_last_attempts_of_the_own_chain_are_shown():
  write = answers(dict.fromkeys(range(12), "1"))
  found = revisions.revise(
    PROBLEMS, write_fn=write, num_chains=2, length=6, context=4
  )
  for prompt in write.seen:
    chain, turn = divmod(prompt.draw, 6)
    shown = range(chain * 6 + max(turn - 4, 0), chain * 6 + turn)
    assert [s.steps[0] for s in prompt.seen] == [f"draw {d}" for d in shown]
    assert all(s.problem_id == prompt.problem.id for s in prompt.seen)
  assert sorted(p.draw for p in write.seen) == sorted([*range(12)] * 2)
  written = [[s.steps[0] for s in chain] for chain in found.attempts[1]]
  assert written == [
    [f"draw {chain * 6 + turn}" for turn in range(6)] for chain in (0, 1)
  ]
  own = len(PROBLEMS[0].prompt.split())
  shown = sum(min(turn, 4) for turn in range(6)) * (own + 3)
  assert found.spent == [writing.Spent(2 * 12, 2 * (6 * own + shown))] * 2


def test_no_context_is_parallel_sampling():
  write = answers(dict.fromkeys(range(4), "1"))
  revisions.revise(PROBLEMS, write_fn=write, num_chains=2, length=2, context=0)
  assert all(prompt.seen == () for prompt in write.seen)


def chosen(rule, own, scores):
  table = dict(enumerate(a for chain in own for a in chain))
  found = revisions.revise(
    PROBLEMS[:1],
    write_fn=answers(table),
    num_chains=len(own),
    length=len(own[0]),
  )
  return revisions.choose(found, np.array([scores]), rule)[0].tolist()


def plain(rule, own, scores):
  ids = jnp.asarray(votes.answer_ids([own]))
  return int(rule(ids, jnp.asarray([scores]))[0])


def test_chosen_within_then_across():
  """x wins the first chain by weight, y both others, though x has more."""
  own = [["x", "x", "y"], ["y", "z", "x"], ["y", "x", "z"]]
  scores = [[0.4, 0.4, 0.1], [0.5, 0.1, 0.4], [0.6, 0.5, 0.1]]
  assert chosen(votes.weighted, own, scores) == [1, 0]
  flat = [[x for row in table for x in row] for table in (own, scores)]
  assert chosen(votes.weighted, *[[row] for row in flat]) == [0, 0]
  assert chosen(votes.naive, own, scores) == [2, 0]


def test_one_chain_or_chains_of_one_are_the_plain_rule():
  rng = np.random.default_rng(0)
  own, scores = rng.choice(list("xyz"), 5).tolist(), rng.random(5).tolist()
  for rule in (votes.naive, functools.partial(votes.borda, power=2)):
    assert chosen(rule, [own], [scores]) == [0, plain(rule, own, scores)]
  single = [[a] for a in own], [[s] for s in scores]
  want = plain(votes.weighted, own, scores)
  assert chosen(votes.weighted, *single) == [want, 0]


@pytest.mark.parametrize("sizes", [(0, 1, 4), (1, 0, 4), (1, 1, -1)], ids=str)
def test_sizes_are_checked(sizes):
  chains, length, context = sizes
  with pytest.raises(ValueError, match="num_chains"):
    revisions.revise(
      PROBLEMS,
      write_fn=answers({}),
      num_chains=chains,
      length=length,
      context=context,
    )
