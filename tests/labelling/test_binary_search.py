"""Halving against its own decision tree, enumerated, on chains of states."""

import dataclasses
import math

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import binary_search, rollouts, rounds
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import chain

NUM_STEPS = 12
PROBLEM = chain.make_problem((3, 4, 7, 1, 2, 5, 6, 8, 9, 1, 3, 2), 10)


def written(error, recovery=None):
  """Steps whose result is one too high from `error` up to `recovery`."""
  terms = PROBLEM.meta["terms"]
  steps, result = [], terms[0]
  for k, addend in enumerate(terms[1:]):
    added = [result, addend] if k != recovery else terms[: k + 2]
    result = (sum(added) + (k == error)) % 10
    steps.append(f"{' + '.join(map(str, added))} = {result}")
  return (*steps, f"= {result}")


def drive(halving, is_right):
  """The result, and the prefixes that were asked for."""
  asked = []
  try:
    asked.append(next(halving))
    while True:
      asked.append(halving.send(is_right(asked[-1])))
  except StopIteration as stop:
    return stop.value, asked


@pytest.mark.parametrize(
  ("num_steps", "most"), [(1, 0), (4, 2), (8, 3), (16, 4), (20, 5), (13, 4)]
)
def test_absorbing_errors_are_found(num_steps, most):
  """E4 with exact values: prefixes are right up to the first error."""
  for error in range(num_steps):
    found, asked = drive(
      binary_search.first_error(num_steps), lambda m, e=error: m <= e
    )
    assert found == error
    assert len(asked) == len(set(asked)) <= most
    assert most == math.ceil(math.log2(num_steps))


def test_an_unknown_prefix_ends_the_search():
  found, asked = drive(binary_search.first_error(8), lambda m: None)
  assert (found, asked) == (None, [4])
  with pytest.raises(ValueError, match="num_steps: 0"):
    next(binary_search.first_error(0))


def distribution(num_steps, accepts):
  """P(result) if prefix m passes with chance accepts[m], by enumeration."""
  chances = np.zeros(num_steps)

  def walk(right, wrong, chance):
    if wrong - right == 1:
      chances[wrong - 1] += chance
      return
    middle = (right + wrong) // 2
    walk(middle, wrong, chance * accepts[middle])
    walk(right, middle, chance * (1 - accepts[middle]))

  walk(0, num_steps, 1.0)
  return chances


def completer(task, num, seed=0):
  """Binomial counts of the exact values of the chain's generator."""
  rng = np.random.default_rng(seed)

  def complete(problems, steps):
    values = [task.value(*pair) for pair in zip(problems, steps, strict=True)]
    correct = rng.binomial(num, values)
    zero = np.zeros_like(correct)
    return completions.Completions(correct, zero + num, zero, zero, zero + num)

  return complete


@pytest.mark.parametrize(
  ("rates", "num"), [((0.1, 0.05), 1), ((0.1, 0.05), 8), ((0.2, 0.0), 2)]
)
def test_the_result_has_its_exact_distribution(rates, num):
  runs, error = 4000, 5
  config = chain.Config(
    num_addends=NUM_STEPS - 1, error_rate=rates[0], recovery_rate=rates[1]
  )
  task, steps = chain.Chain(config), written(error)
  assert not task.verify(PROBLEM, steps).correct
  given = [
    rollouts.Given(i, dataclasses.replace(PROBLEM, id=f"chain/{i}"), steps)
    for i in range(runs)
  ]
  complete_fn = completer(task, num)
  found = binary_search.label(
    given, complete_fn, task, binary_search.SearchConfig(num), "generator"
  )
  values = [task.value(PROBLEM, steps[:m]) for m in range(NUM_STEPS)]
  accepts = 1 - (1 - np.array(values)) ** num
  exact = distribution(NUM_STEPS, accepts)
  np.testing.assert_allclose(exact.sum(), 1)
  assert 0.02 < exact[error] < 0.98
  counts = np.bincount([x.first_error for x in found], minlength=NUM_STEPS)
  spread = np.sqrt(exact * (1 - exact) / runs)
  assert (np.abs(counts / runs - exact) <= 4.5 * spread + 1e-12).all()
  states = [x.extra["cost"]["states"] for x in found]
  assert set(states) <= {3, 4}


def test_an_early_error_is_missed_where_the_chain_recovers():
  """Two errors with a recovery between: values are not monotone."""
  task = chain.Chain(chain.Config(num_addends=NUM_STEPS - 1))
  both = list(written(2, recovery=5))
  again = written(8)
  both[8:] = again[8:]
  steps = tuple(both)
  assert [s.ok for s in chain.judge(PROBLEM, steps)] == [
    *([True] * 2 + [False] * 3 + [True] * 3 + [False] * 4)
  ]
  values = np.array([task.value(PROBLEM, steps[:m]) for m in range(NUM_STEPS)])
  for num, least in ((8, 0.85), (64, 0.99)):
    exact = distribution(NUM_STEPS, 1 - (1 - values) ** num)
    assert exact[:6].sum() < 1 - least  # the first error is step 2
    assert exact[6:].sum() > least


def test_records_tell_what_is_known():
  task = chain.Chain(chain.Config(num_addends=NUM_STEPS - 1))
  exact = lambda problems, steps: completions.Completions(
    *(np.array([8 * (len(s) <= 5) for s in steps]), *[np.full(len(steps), 8)]),
    *[np.zeros(len(steps), np.int64)] * 2,
    np.full(len(steps), 80),
  )
  wrong, right = written(5), written(99)
  given = [rollouts.Given(i, PROBLEM, s) for i, s in enumerate((wrong, right))]
  first, second = binary_search.label(
    given, exact, task, binary_search.SearchConfig(8), "generator"
  )
  assert first.first_error == 5
  assert first.hard == (1, 1, 1, 1, 1, 0, *[None] * 6)
  # 6, 3, 4 and 5 steps are completed; the answer is one completion.
  assert first.n_total == (0, 0, 8, 8, 8, 8, *[0] * 5, 1)
  assert first.n_correct == (0, 0, 8, 8, 8, *[0] * 7)
  assert first.extra["cost"]["policy_tokens"] == 4 * 80
  assert (second.first_error, second.hard) == (-1, (1,) * NUM_STEPS)
  # What both begin with was completed for the first.
  assert second.n_total == (0, 0, 8, 8, 8, *[0] * 6, 1)
  assert second.extra["cost"]["states"] == 0


def test_no_verdict_gives_no_labels():
  task = chain.Chain(chain.Config(num_addends=NUM_STEPS - 1))

  def unjudged(problems, steps):
    num = np.full(len(steps), 8)
    return completions.Completions(0 * num, 0 * num, num, 0 * num, num)

  given = [rollouts.Given(1, PROBLEM, written(5))]
  (found,) = binary_search.label(
    given, unjudged, task, binary_search.SearchConfig(8), "generator"
  )
  assert (found.first_error, set(found.hard)) == (None, {None})
  assert found.extra["cost"]["unknown"] == 8


@pytest.mark.parametrize(
  ("changes", "told"), [({"num": 0}, "num"), ({"threshold": 1.0}, "threshold")]
)
def test_mistakes(changes, told):
  with pytest.raises(errors.UserError, match=f"binary_search.{told}"):
    binary_search.SearchConfig(**changes)


def counting(name, num, log):
  """Asks `num` times for twice a number."""
  for k in range(num):
    (answer,) = yield [k]
    assert answer == 2 * k
    log.append((name, k))
  return name


def test_rounds_ask_together():
  log, calls = [], []

  def answer(asked):
    calls.append(asked)
    return [2 * k for _, k in asked]

  searches = [counting(i, n, log) for i, n in enumerate((2, 0, 3))]
  assert rounds.run(searches, answer) == [0, 1, 2]
  assert calls == [[(0, 0), (2, 0)], [(0, 1), (2, 1)], [(2, 2)]]
  calls.clear()
  side = rounds.together([counting("a", 2, log), counting("b", 3, log)])
  assert rounds.run([side], answer) == [["a", "b"]]
  # Both ask the same in the first two rounds, and get one answer.
  assert calls == [[(0, 0)], [(0, 1)], [(0, 2)]]
  assert rounds.run([], answer) == []
