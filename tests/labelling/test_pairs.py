"""Pairs of siblings: rules by hand, and their errors in closed form (E6)."""

import dataclasses
import itertools

import numpy as np
import pytest
import scipy.stats

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import omega, omega_tree, pairs
from prm_jax.tasks import base
from tests.labelling import walkers


def labels(steps, n_correct, n_total, problem="p", **fields):
  return records.StepLabels(
    *(problem, tuple(n_correct), tuple(n_total), "policy"),
    steps=tuple(steps),
    **fields,
  )


# ab is right, ac wrong, ad half; e is wrong from the start.
TREE = [
  labels("ab", (6, 8), (8, 8)),
  labels("ac", (6, 0), (8, 8)),
  labels("ad", (6, 4), (8, 8)),
  labels("ef", (1, 0), (8, 1)),
]


def made(rule, tree=TREE, margin=0.0):
  found = pairs.from_labels(tree, pairs.PairConfig(rule, margin))
  return ["".join((*x.prefix, ":", *x.better, ">", *x.worse)) for x in found]


@pytest.mark.parametrize(
  ("rule", "margin", "expected"),
  [
    ("all", 0.0, [":a>e", "a:b>c", "a:b>d", "a:d>c"]),
    ("all", 0.625, [":a>e", "a:b>c"]),
    ("extremes", 0.0, [":a>e", "a:b>c"]),
    ("signs", 0.0, [":a>e", "a:b>c"]),  # d is neither
    ("sign_extremes", 0.7, ["a:b>c"]),
    ("first_error", 0.0, ["a:b>c"]),
    ("responses", 0.0, [":ab>ac", ":ab>ad", ":ab>ef", ":ad>ac", ":ad>ef"]),
  ],
)
def test_rules_by_hand(rule, margin, expected):
  assert made(rule, margin=margin) == expected


def test_all_signs_and_their_extremes():
  family = [labels("x", (n,), (8,)) for n in (8, 6, 4, 2, 0)]
  tree = [
    dataclasses.replace(x, steps=(c,))
    for x, c in zip(family, "abcde", strict=True)
  ]
  assert made("signs", tree) == [":a>d", ":a>e", ":b>d", ":b>e"]
  assert made("sign_extremes", tree) == [":a>e"]
  assert made("signs", tree[:3]) == made("sign_extremes", tree[2:]) == []


def test_what_a_pair_says():
  (pair,) = pairs.from_labels(TREE[:2], pairs.PairConfig())
  assert (pair.better_value, pair.worse_value) == (1, 0)
  assert pair.extra == {
    "rule": "all",
    "better_visits": 8,
    "better_total": 8,
    "worse_visits": 8,
    "worse_total": 8,
  }
  found = pairs.from_labels(TREE, pairs.PairConfig("responses"))
  assert [x.extra["list"] for x in found] == [
    *([0, 1], [0, 2], [0, 3], [2, 1], [2, 3])
  ]


def test_what_a_label_is_worth():
  soft = labels("ab", (1, 0), (1, 0), soft=(0.25, None), hard=(1, 0))
  assert pairs.values(soft) == [0.25, None]
  mixed = labels("ab", (1, 0), (4, 0), hard=(1, 0))
  assert pairs.values(mixed) == [0.25, 0]
  # The most completions count, and an error in any record is one.
  one, two = labels("a", (1,), (1,)), labels("a", (2,), (8,), first_error=0)
  (family,) = pairs.ways([one, two, one]).values()
  assert [(w.value, w.num_total, w.is_error) for w in family] == [
    (0.25, 8, True)
  ]
  tokens = records.StepLabels("p", (1,), (1,), "x", "token", tokens=(3,))
  with pytest.raises(errors.UserError, match="granularity"):
    pairs.ways([tokens])
  with pytest.raises(errors.UserError, match=r"extra\.prefix"):
    pairs.ways([labels("a", (1,), (1,), extra={"prefix": 2})])
  with pytest.raises(errors.UserError, match=r"pairs\.margin"):
    pairs.PairConfig(margin=2.0)


def random_tree(rng):
  """Labels of random paths; a prefix has the same counts in all of them."""
  known, found = {}, []
  for _ in range(rng.integers(1, 12)):
    steps = tuple(map(str, rng.integers(0, 3, rng.integers(1, 5))))
    count = []
    for k in range(len(steps)):
      n = int(rng.integers(0, 9))
      drawn = (int(rng.integers(0, n + 1)), n)
      count.append(known.setdefault(steps[: k + 1], drawn))
    found.append(labels(steps, *zip(*count, strict=True)))
  return known, found


@pytest.mark.parametrize("seed", range(20))
def test_pairs_of_random_trees(seed):
  known, tree = random_tree(np.random.default_rng(seed))
  share = {s: k / n for s, (k, n) in known.items() if n}
  expected = {
    (a[:-1], a[-1:], b[-1:])
    for a, b in itertools.permutations(share, 2)
    if a[:-1] == b[:-1] and share[a] > share[b]
  }
  every = pairs.from_labels(tree, pairs.PairConfig())
  assert {(x.prefix, x.better, x.worse) for x in every} == expected
  assert len(every) == len(expected)
  for rule in ("extremes", "signs", "sign_extremes", "first_error"):
    some = pairs.from_labels(tree, pairs.PairConfig(rule))
    assert {(x.prefix, x.better, x.worse) for x in some} <= expected
    for x in some:
      better, worse = share[x.prefix + x.better], share[x.prefix + x.worse]
      assert (x.better_value, x.worse_value) == (better, worse)
      family = [v for s, v in share.items() if s[:-1] == x.prefix]
      if "extremes" in rule:
        assert (better, worse) == (max(family), min(family))
      if "sign" in rule:
        assert better > 0.5 > worse
      if rule == "first_error":
        assert worse == 0
        assert share.get(x.prefix, 1) > 0


def sibling_law(p, q, num, least):
  """P(first leads), P(second leads) by at least so many of num completions."""
  first, second = (
    scipy.stats.binom.pmf(np.arange(num + 1), num, v) for v in (p, q)
  )
  lead = np.arange(num + 1)[:, None] - np.arange(num + 1)
  joint = first[:, None] * second
  return joint[lead >= least].sum(), joint[lead <= -least].sum()


@pytest.mark.parametrize(("p", "q"), [(0.6, 0.4), (0.9, 0.5), (0.3, 0.2)])
def test_mistaken_pairs_have_their_probability(p, q):
  """8 rollouts and the margin of Tree-PLV: a lead of 3 or more."""
  runs, num = 4000, 8
  counts = np.random.default_rng(0).binomial(num, (p, q), (runs, 2))
  tree = [
    labels(step, (int(k),), (num,), problem=str(i))
    for i, row in enumerate(counts)
    for step, k in zip("ab", row, strict=True)
  ]
  wrong = {}
  for margin, least in ((0.0, 1), (0.375, 3)):
    right, mistaken = sibling_law(p, q, num, least)
    found = pairs.from_labels(tree, pairs.PairConfig("all", margin))
    for steps, chance in ((("a",), right), (("b",), mistaken)):
      share = sum(x.better == steps for x in found) / runs
      spread = np.sqrt(chance * (1 - chance) / runs)
      assert abs(share - chance) <= 4.5 * spread
    wrong[margin] = mistaken / (right + mistaken)
  assert wrong[0.375] < wrong[0.0]


def test_the_margin_keeps_extreme_siblings():
  """Over children of a random prefix tree, weights in closed form."""
  walker = walkers.TreeWalker(8, size=5, depth=3, seed=3)
  value = walker.values[2]
  found = {}
  for margin, least in ((0.0, 1), (0.375, 3)):
    weights, gaps, mistaken = [], [], []
    for row in value.reshape(-1, 5):
      for p, q in itertools.combinations(sorted(row, reverse=True), 2):
        right, wrong = sibling_law(p, q, 8, least)
        weights.append(right + wrong)
        gaps.append(p - q)
        mistaken.append(wrong)
    found[margin] = (
      np.average(gaps, weights=weights),
      sum(mistaken) / sum(weights),
    )
  assert found[0.375][0] > found[0.0][0] + 0.1
  assert found[0.375][1] < found[0.0][1] / 3


def test_siblings_of_a_search():
  """OmegaPRM's pairs are between children of one state, completed there."""
  walker = walkers.TreeWalker(4, seed=0)
  given = [(1, base.Problem("tree/0", "tree", "", None))]
  config = omega_tree.OmegaConfig(num=4, root_num=8, num_searches=12)
  for edges in ("single", "all"):
    options = dataclasses.replace(config, edges=edges)
    (one,) = omega.label(given, walker, options, "walker")
    own = {x.steps: x for x in one.labels}
    found = pairs.from_labels(one.labels, pairs.PairConfig())
    assert len(found) >= 2
    for pair in found:
      for name in ("better", "worse"):
        side = dataclasses.asdict(pair)[name]
        label = own[(*pair.prefix, *side)]
        assert label.extra["prefix"] == len(pair.prefix)
        assert pair.extra[f"{name}_visits"] == label.extra["visits"]
        share = label.n_correct[-1] / label.n_total[-1]
        assert dataclasses.asdict(pair)[f"{name}_value"] == share
