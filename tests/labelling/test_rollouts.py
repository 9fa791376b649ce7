"""Labels by rollouts against exact values of the chain of ok and bad states."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import label_stats, rollouts
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import base as tasks
from prm_jax.tasks import chain

TASK = chain.Chain()
PROBLEM = chain.make_problem((3, 4, 7, 1, 2), 10)
RIGHT = ("3 + 4 = 7", "7 + 7 = 4", "4 + 1 = 5", "5 + 2 = 7", "= 7")
WRONG = ("3 + 4 = 8", "8 + 7 = 5", "5 + 1 = 6", "6 + 2 = 8", "= 8")


class Completer:
  """The chain's generator goes on, its errors drawn from problem and steps."""

  def __init__(self, num, seed=0):
    self.num, self.seed, self.seen = num, seed, []

  def __call__(self, problems, steps):
    self.seen += list(zip([p.id for p in problems], steps, strict=True))
    pairs = zip(problems, steps, strict=True)
    correct = np.array([self._correct(*pair) for pair in pairs], np.int64)
    zero = np.zeros_like(correct)
    return completions.Completions(
      correct, zero + self.num, zero, zero, zero + 7 * self.num
    )

  def _correct(self, problem, steps):
    """Successes of walks on the hidden states, step by step."""
    text = json.dumps([self.seed, problem.id, *steps])
    digest = hashlib.sha256(text.encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    ok = np.full(self.num, not steps or chain.judge(problem, steps)[-1].ok)
    config = TASK.config
    for _ in range(config.num_addends - len(steps)):
      draw = rng.random(self.num)
      ok = np.where(ok, draw >= config.error_rate, draw < config.recovery_rate)
    return int(np.sum(ok | (rng.random(self.num) < 1 / config.modulus)))


def label(solutions, num=8, complete_fn=None, **changes):
  config = rollouts.RolloutConfig(num=num, **changes)
  given = [
    rollouts.Given(line, problem, steps)
    for line, (problem, steps) in enumerate(solutions, 1)
  ]
  complete_fn = complete_fn or Completer(num)
  return rollouts.label(given, complete_fn, TASK, config, "generator")


def test_shares_are_the_exact_values():
  num = 40_000
  for steps in (RIGHT, WRONG):
    (found,) = label([(PROBLEM, steps)], num)
    assert found.n_total == (*[num] * 4, 1)
    assert found.n_correct[-1] == (steps is RIGHT)
    for k in range(4):
      value = TASK.value(PROBLEM, steps[: k + 1])
      error = 4.5 * np.sqrt(value * (1 - value) / num)
      assert abs(found.n_correct[k] / num - value) <= error


@pytest.mark.parametrize("num", [1, 2, 4, 8, 16])
def test_any_correct_has_its_probability(num):
  """Of problems that differ and stand in the same state."""
  runs = 3000
  solutions = [
    (dataclasses.replace(PROBLEM, id=f"chain/{i}"), WRONG) for i in range(runs)
  ]
  found = label(solutions, num)
  for k in range(4):
    value = TASK.value(PROBLEM, WRONG[: k + 1])
    chance = 1 - (1 - value) ** num
    share = np.mean([one.hard[k] for one in found])
    assert abs(share - chance) <= 4.5 * np.sqrt(chance * (1 - chance) / runs)


def test_golden_values_of_hard_labels():
  """V = .1, N = 8: any is correct, and at least half are (arXiv 2312.08935)."""
  counts = np.random.default_rng(0).binomial(8, 0.1, 200_000)
  total = [8] * len(counts)
  for threshold, chance in ((0.0, 0.5695), (3 / 8, 0.0050)):
    share = np.mean(rollouts.classes(counts.tolist(), total, threshold))
    error = 4.5 * np.sqrt(chance * (1 - chance) / len(counts))
    assert abs(share - chance) <= error + 5e-5


def test_thresholds_and_first_errors():
  assert rollouts.classes([0, 1, 4, 0], [8, 8, 8, 0]) == (0, 1, 1, None)
  assert rollouts.classes([3, 4, 1], [8, 8, 1], 3 / 8) == (0, 1, 1)
  assert rollouts.first_error((1, 0, 0)) == 1
  assert rollouts.first_error((1, 1)) == -1
  assert rollouts.first_error((1, None, 0)) is None


def test_equal_prefixes_are_completed_once():
  other = (*RIGHT[:2], "4 + 1 = 6", "6 + 2 = 8", "= 8")
  completer = Completer(8)
  first, second = label(
    [(PROBLEM, RIGHT), (PROBLEM, other)], complete_fn=completer
  )
  assert len(completer.seen) == len(set(completer.seen)) == 6
  assert first.n_correct[:2] == second.n_correct[:2]
  assert [x.extra["cost"]["states"] for x in (first, second)] == [4, 2]
  assert second.extra["line"] == 2
  (alone,) = label([(PROBLEM, other)])
  assert alone.n_correct == second.n_correct


def test_steps_behind_an_error():
  """Nobody recovers in this run; the last step is wrong."""

  def never(problems, steps):
    found = Completer(8)(problems, steps)
    wrong = [len(s) > 1 for s in steps]
    correct = np.where(wrong, 0, 8)
    return found._replace(num_correct=correct)

  (full,) = label([(PROBLEM, WRONG)], complete_fn=never)
  assert full.hard == (1, 0, 0, 0, 0)
  assert (full.first_error, full.n_total) == (None, (8, 8, 8, 8, 1))
  (cut,) = label([(PROBLEM, WRONG)], complete_fn=never, after_error="ignore")
  assert (cut.first_error, cut.n_total) == (1, (8, 8, 8, 8, 1))
  (short,) = label([(PROBLEM, WRONG)], complete_fn=never, after_error="skip")
  assert (short.first_error, short.n_total) == (1, (8, 8, 0, 0, 0))
  assert short.hard == (1, 0, None, None, None)
  assert short.extra["cost"]["policy_tokens"] == 2 * 8 * 7
  (soft,) = label([(PROBLEM, WRONG)], complete_fn=never, targets="soft")
  assert soft.hard is None


def test_the_root_is_pass_at_1():
  """Once for both solutions, with its cost; nothing else changes."""
  num, completer = 20_000, Completer(20_000)
  given = [(PROBLEM, RIGHT), (PROBLEM, WRONG)]
  found = label(given, num, completer, root=True, after_error="skip")
  value = TASK.value(PROBLEM, [])
  root = found[0].extra["root"]
  assert found[1].extra["root"] == root
  error = 4.5 * np.sqrt(value * (1 - value) / num)
  assert abs(root["n_correct"] / root["n_total"] - value) <= error
  assert completer.seen.count((PROBLEM.id, ())) == 1
  plain = label(given, num, after_error="skip")
  assert [x.n_correct for x in found] == [x.n_correct for x in plain]
  states = lambda rows: [x.extra["cost"]["states"] for x in rows]
  assert states(found) == [states(plain)[0] + 1, states(plain)[1]]
  assert "root" not in plain[0].extra


class Silent:
  """A verifier without a verdict."""

  def __getattr__(self, name):
    return getattr(TASK, name)

  def verify(self, problem, steps):
    return tasks.Verdict(False, None, "no reference", known=False)


def test_no_verdict_is_unknown_and_not_wrong():
  def unjudged(problems, steps):
    eight = np.full(len(steps), 8)
    return completions.Completions(
      0 * eight, 0 * eight, eight, 0 * eight, eight
    )

  given = [rollouts.Given(1, PROBLEM, RIGHT)]
  config = rollouts.RolloutConfig(after_error="ignore")
  (found,) = rollouts.label(given, unjudged, Silent(), config, "generator")
  assert found.n_total == (0,) * 5
  assert found.hard == (None,) * 5
  assert found.first_error is None
  stats = label_stats.summarise([found])
  assert (stats["labels"], stats["steps"], stats["positive"]) == (0, 5, None)
  assert stats["first_error"] == {"unknown": 1.0}
  assert stats["cost"]["unknown"] == stats["cost"]["completions"] == 32
  json.dumps(stats, allow_nan=False)


def test_statistics():
  found = label([(PROBLEM, RIGHT), (PROBLEM, WRONG)], 4)
  found = [
    dataclasses.replace(found[0], n_correct=(4, 2, 0, 4, 1), hard=None),
    dataclasses.replace(found[1], n_correct=(1, 0, 0, 0, 0), hard=None),
  ]
  stats = label_stats.summarise(found)
  assert (stats["solutions"], stats["labels"]) == (2, 10)
  assert stats["positive"] == 0.5
  assert stats["positive_by_step"] == [1, 0.5, 0, 0.5, 0.5]
  assert stats["value_by_step"] == [0.625, 0.25, 0, 0.5, 0.5]
  assert stats["first_error"] == {"1": 0.5, "2": 0.5}
  assert stats["correct_with_error"] == 1.0
  assert stats["lowest_step_last"] == 0.0
  assert stats["tokens_per_label"] == 8 * 4 * 7 / 10
  # 2 of 4 and 1 of 4 vary, the other six do not.
  variance = (0.25 + 0.1875) / 3 / 8
  assert stats["standard_error"] == pytest.approx(np.sqrt(variance))


@pytest.mark.parametrize(
  ("make", "told"),
  [
    (lambda: rollouts.Given(1, PROBLEM, ()), "steps: the solution has none"),
    (lambda: rollouts.RolloutConfig(num=0), "rollouts.num: must be at least"),
    (lambda: rollouts.RolloutConfig(threshold=1.0), "rollouts.threshold"),
  ],
)
def test_mistakes(make, told):
  with pytest.raises(errors.UserError, match=told):
    make()
