"""OmegaPRM against a plain sequential version, on trees of known values."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import omega, omega_tree, rollouts
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import base, chain
from tests.labelling import walkers

SMALL = omega_tree.OmegaConfig(num=4, root_num=8, num_searches=12)


def problems_of(num):
  return [
    (i + 1, base.Problem(f"tree/{i}", "tree", "", None)) for i in range(num)
  ]


def search(walker, num=3, config=SMALL, **changes):
  config = dataclasses.replace(config, **changes)
  return omega.label(problems_of(num), walker, config, "walker")


def test_golden_values():
  config = omega_tree.OmegaConfig()
  assert omega_tree.quality(0.5, 250.0, config) == pytest.approx(
    0.670820, abs=1e-6
  )
  assert omega_tree.exploration(2, 9, config) == 0.125


def reference(walker, problem, config):
  """One problem, one question at a time: {prefix: count} of what is labelled.

  Also the prefixes completed, in order.
  """
  fresh = lambda name, steps: walker(
    [dataclasses.replace(problem, id=name)], [steps]
  )[0]
  rows = []
  for turn in range(config.root_num // config.num):
    rows += fresh(problem.id + (f"~{turn}" if turn else ""), ())
  mc, visits, pool, order = {}, {}, [], [()]

  def admit(steps, rows):
    mc[steps] = sum(r.correct for r in rows), len(rows)
    visits[steps] = 0
    if 0 < mc[steps][0] < len(rows):
      own = {}
      for r in rows:
        if not r.correct:
          own[r.steps] = r.num_tokens
      pool.extend((steps, rest, length) for rest, length in own.items())

  admit((), rows)
  tree = {()}
  for _ in range(config.num_searches):
    if not pool:
      break

    def score(entry):
      steps, _, length = entry
      share = mc[steps][0] / mc[steps][1]
      q = 0.5 ** (1 - share) * 0.9 ** (length / 500)
      u = 0.125 * math.sqrt(sum(visits.values())) / (1 + visits[steps])
      return q + u

    best = max(range(len(pool)), key=lambda i: (score(pool[i]), -i))
    start, rest, _ = pool.pop(best)
    visits[start] += 1
    low, high, met = 0, len(rest), []
    while high - low > 1:
      middle = (low + high) // 2
      prefix = start + rest[:middle]
      if prefix not in mc:
        order.append(prefix)
        admit(prefix, fresh(problem.id, prefix))
      met.append(middle)
      low, high = (middle, high) if mc[prefix][0] else (low, middle)
    tree |= {start + rest[:m] for m in met if m <= high}
    if high == len(rest):
      mc[start + rest], visits[start + rest] = (0, 1), 0
      tree.add(start + rest)
  return {s: mc[s] for s in tree if s and s[:-1] in tree}, order


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_sequential_search(seed):
  """Ties are frequent here, and go to what was made first."""
  walker = walkers.TreeWalker(4, seed=seed)
  found = search(walker)
  seen = walker.seen
  walker.seen = []
  for (line, problem), one in zip(problems_of(3), found, strict=True):
    labels, order = reference(walker, problem, SMALL)
    own = {x.steps: (x.n_correct[-1], x.n_total[-1]) for x in one.labels}
    assert own == labels
    assert len(one.labels) == len(own)
    asked = [s for call in seen for name, s in call if name == problem.id]
    assert asked == order
    assert {x.extra["line"] for x in one.labels} <= {line}
  assert sum(len(one.labels) for one in found) > 20


def test_a_round_is_one_call_and_a_state_one_question():
  walker = walkers.TreeWalker(4)
  found = search(walker, num=6)
  every = list(itertools.chain.from_iterable(walker.seen))
  assert len(every) == len(set(every))
  assert len(walker.seen[0]) == 12  # two turns of each root
  states = sum(one.told["cost"]["states"] for one in found)
  assert states == len(every) - 6
  completed = sum(one.told["cost"]["completions"] for one in found)
  assert completed == 4 * len(every)
  longest = max(
    len([1 for n, _ in every if n == f"tree/{i}"]) for i in range(6)
  )
  assert len(walker.seen) == longest
  walker.seen = []
  alone = omega.label(problems_of(6)[4:5], walker, SMALL, "walker")
  assert alone == found[4:5]


@pytest.mark.parametrize(
  "changes",
  [
    {"pool": "all"},
    {"visits": "completed", "length": "words"},
    {"parallel": 3},
    {"segments": 2},
    {"edges": "all"},
  ],
)
def test_what_every_variant_keeps(changes):
  walker = walkers.TreeWalker(4, depth=6, seed=2)
  found = search(walker, **changes)
  truth = {}
  for call in walker.seen:
    for name, steps in call:
      truth[name, steps] = steps
  assert len(truth) == sum(map(len, walker.seen))
  plain = search(walkers.TreeWalker(4, depth=6, seed=2))
  assert [x.labels for x in plain] != [x.labels for x in found]
  for one in found:
    assert one.told["searches"] <= SMALL.num_searches
    own = {x.steps: x for x in one.labels}
    for steps, label in own.items():
      assert not any(label.n_total[:-1])
      start = label.extra["prefix"]
      assert 0 <= start < len(steps)
      if len(steps) == 6:
        assert label.n_total[-1] == 1
        assert label.n_correct[-1] == walker.value(steps)
      else:
        (rows,) = walker(
          [base.Problem(label.problem_id, "", "", None)], [steps]
        )
        assert label.n_correct[-1] == sum(r.correct for r in rows)
      if "edges" not in changes and "segments" not in changes:
        assert start == len(steps) - 1
      # A first error comes directly behind a prefix that was solved.
      before = own.get(steps[:start])
      if before is not None and not label.n_correct[-1]:
        assert before.n_correct[-1] > 0 or "segments" in changes


def test_what_is_not_searched():
  def write(rows):
    return lambda problems, steps: [rows for _ in steps]

  rest = ("a", "b", "c", "d")
  right, wrong = (completions.Rollout(rest, 4, x) for x in (True, False))
  cut = wrong._replace(finished=False, steps=("a", "b"))
  silent = wrong._replace(known=False)
  for rows, outcome in (
    ([right] * 4, "always right"),
    ([wrong] * 4, "always wrong"),
    ([silent] * 4, "no verdict"),
  ):
    (one,) = search(write(rows), num=1)
    assert (one.told["outcome"], one.labels) == (outcome, [])
    assert one.told["searches"] == 0
    assert one.told["cost"]["completions"] == 8
  (one,) = search(write([right, cut, silent, right]), num=1)
  assert (one.told["searches"], one.told["n_total"]) == (0, 6)
  assert (one.told["cost"]["unknown"], one.told["cost"]["unfinished"]) == (2, 2)
  (one,) = search(write([right, wrong] * 2), num=1, num_searches=0)
  assert (one.told["outcome"], one.labels) == ("searched", [])

  found = omega.label(
    problems_of(1), write([right, wrong] * 2), SMALL, "w", lambda p, s: not s
  )
  assert found[0].told["unusable"] == 1
  # One rollout is all there is: the same text is not searched twice.
  (one,) = search(write([right, wrong] * 2), num=1)
  assert one.told["unusable"] == 0
  assert one.told["searches"] >= 1


def test_unknown_prefixes_end_a_search_and_are_no_labels():
  rest = ("a", "b", "c", "d")

  def write(problems, steps):
    rows = [completions.Rollout(rest, 4, x) for x in (True, False) * 2]
    silent = [r._replace(known=False) for r in rows]
    return [silent if s else rows for s in steps]

  (one,) = search(write, num=1)
  assert one.labels == []
  assert one.told["searches"] == 1
  assert one.told["cost"]["unknown"] == 4


def test_targets_and_extras():
  walker = walkers.TreeWalker(4, seed=1)
  (soft,) = search(walker, num=1)
  (hard,) = search(walker, num=1, targets="hard")
  for a, b in zip(soft.labels, hard.labels, strict=True):
    assert a.hard is None
    assert dataclasses.replace(b, hard=None) == a
    assert b.hard == rollouts.classes(b.n_correct, b.n_total)
    assert b.extra["root"] == {
      "n_correct": soft.told["n_correct"],
      "n_total": 8,
    }


def test_labels_gather_around_errors():
  """On the chain, at equal completions, against labels of every step."""
  config = chain.Config(num_addends=7, error_rate=0.1, recovery_rate=0.02)
  task, num = chain.Chain(config), 8
  rng = np.random.default_rng(0)
  terms = rng.integers(10, size=(40, 8))
  given = [(i, chain.make_problem(t, 10)) for i, t in enumerate(terms, 1)]
  walker = walkers.ChainWalker(task, num)
  options = omega_tree.OmegaConfig(num=num, root_num=8, num_searches=6)
  found = omega.label(given, walker, options, "generator")
  labels = [x for one in found for x in one.labels]
  share = np.array([x.n_correct[-1] / x.n_total[-1] for x in labels])
  budget = sum(one.told["cost"]["completions"] for one in found)
  uniform, spent = [], 0
  for _, problem in itertools.cycle(given):
    steps, _ = task.sample(problem, rng)
    uniform += [
      rng.binomial(num, task.value(problem, steps[:k])) / num
      for k in range(1, 8)
    ]
    spent += 7 * num
    if spent >= budget:
      break
  positive = np.mean(share > 0), np.mean(np.array(uniform) > 0)
  assert positive[1] > 0.85  # nearly all labels say the same
  assert 0.3 < positive[0] < 0.7


def test_counts_of_all_completed_states_are_fair():
  """Labels are not: what is behind a first error, or seems so, is left out."""
  task, num = chain.Chain(chain.Config(num_addends=7)), 4
  rng = np.random.default_rng(1)
  terms = rng.integers(10, size=(60, 8))
  given = [(i, chain.make_problem(t, 10)) for i, t in enumerate(terms, 1)]
  of = {problem.id: problem for _, problem in given}
  walker = walkers.ChainWalker(task, num)
  options = omega_tree.OmegaConfig(num=num, root_num=4, num_searches=4)
  omega.label(given, walker, options, "generator")
  states = [(of[name], s) for call in walker.seen for name, s in call]
  rows = walker(*map(list, zip(*states, strict=True)))
  share = np.array([np.mean([r.correct for r in row]) for row in rows])
  value = np.array([task.value(*state) for state in states])
  spread = np.sqrt(np.sum(value * (1 - value) / num)) / len(states)
  assert len(states) >= 300
  assert abs(np.mean(share - value)) < 4.5 * spread


@pytest.mark.parametrize(
  ("changes", "told"),
  [
    ({"num": 0}, "omega.num: must be at least 1"),
    ({"root_num": 12}, "omega.root_num: 12 is not a multiple"),
    ({"num_searches": -1}, "omega.num_searches"),
    ({"alpha": 0.0}, "omega.alpha"),
    ({"length_scale": 0.0}, "omega.length_scale"),
    ({"c_puct": -1.0}, "omega.c_puct"),
  ],
)
def test_mistakes(changes, told):
  with pytest.raises(errors.UserError, match=told):
    omega_tree.OmegaConfig(**changes)
