"""AlphaMath's and ReST-MCTS*'s values on trees by hand, at random, and E1."""

import numpy as np
import pytest
import scipy.stats

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import tree_values
from prm_jax.tasks import chain


def solution(steps, correct, values=None):
  return tree_values.Checked("p", tuple(steps), correct, values)


def soft(solutions, method, variant="weighted"):
  found = tree_values.label(solutions, method, "policy", variant)
  return {"".join(x.steps): x.soft for x in found}


def test_right_routes_are_even_progress():
  """v_k = k / K, and .4 - .6 / 4 for a wrong third step of five."""
  tree = [solution("abcde", True), solution("abxyz", False)]
  found = soft(tree, "rest")
  np.testing.assert_allclose(found["abcde"], [0.2, 0.4, 0.6, 0.8, 1.0])
  np.testing.assert_allclose(found["abxyz"][:3], [0.2, 0.4, 0.25])
  # Behind it the distance is that of the last step on the route.
  np.testing.assert_allclose(found["abxyz"][3], 0.25 - 0.75 / 4)
  assert found["abxyz"][4] == 0
  simple = soft(tree, "rest", "simple")
  np.testing.assert_allclose(simple["abxyz"], [0.2, 0.4, 0.2, 0.2, 0.2])
  assert soft(tree[1:], "rest")["abxyz"] == (0.0,) * 5


def test_the_shortest_right_route_counts():
  tree = [solution("abcd", True), solution("ax", True), solution("y", False)]
  found = soft(tree, "rest")
  np.testing.assert_allclose(found["ax"], [0.5, 1])
  # Three steps are left after `ab`'s first: 1/2, then a third of the rest.
  np.testing.assert_allclose(found["abcd"], [0.5, 2 / 3, 5 / 6, 1])
  assert found["y"] == (0,)


def random_solutions(seed):
  rng = np.random.default_rng(seed)
  found = [
    solution(
      map(str, rng.integers(0, 3, rng.integers(1, 6))), bool(rng.random() < 0.3)
    )
    for _ in range(rng.integers(1, 15))
  ]
  return found


@pytest.mark.parametrize("seed", range(25))
def test_properties_on_random_trees(seed):
  """In [0, 1], rising on right routes to 1, falling off them."""
  solutions = random_solutions(seed)
  right = [x.steps for x in solutions if x.correct]
  for variant in ("weighted", "simple"):
    found = tree_values.label(solutions, "rest", "policy", variant)
    for one in found:
      value = [0.0, *one.soft]
      assert all(0 <= v <= 1 for v in value)
      for k in range(1, len(value)):
        at_end = k == len(one.steps)
        ends = [
          len(r)
          for r in right
          if r[:k] == one.steps[:k] and (len(r) == k) == at_end
        ]
        if ends:
          assert value[k] > value[k - 1]
          rest = min(ends) - k
          np.testing.assert_allclose(
            value[k] - value[k - 1], (1 - value[k - 1]) / (rest + 1)
          )
        else:
          assert value[k] <= value[k - 1]
      if one.extra["correct"]:
        assert value[-1] == pytest.approx(1)


@pytest.mark.parametrize("seed", range(10))
def test_returns_are_means_of_outcomes(seed):
  solutions = random_solutions(seed)
  for one in tree_values.label(solutions, "alpha_math", "policy"):
    for k in range(1, len(one.steps) + 1):
      at_end = k == len(one.steps)
      through = [
        x
        for x in solutions
        if x.steps[:k] == one.steps[:k] and (len(x.steps) == k) == at_end
      ]
      outcomes = [1 if x.correct else -1 for x in through]
      assert one.n_total[k - 1] == len(through)
      assert one.n_correct[k - 1] == outcomes.count(1)
      q = 2 * one.soft[k - 1] - 1
      if k < len(one.steps):
        assert q == pytest.approx(np.mean(outcomes))
      else:
        assert q == (1 if one.extra["correct"] else -1)


def test_values_of_a_search_are_kept():
  tree = [solution("ab", True, (0.5, 0.9)), solution("ac", False)]
  found = soft(tree, "alpha_math")
  assert found == {"ab": (0.75, 1.0), "ac": (0.5, 0.0)}


def test_values_of_samples_approach_those_of_the_policy():
  """E3: Q is 2 V - 1. Progress is another thing, and not its order even.

  Every error can be made good here, by luck at the end, so that nearly
  every prefix that is often met lies on a right route: progress is its depth,
  and deep prefixes that are wrong are worth little.
  """
  task = chain.Chain(chain.Config(error_rate=0.2))
  problem = chain.make_problem((3, 4, 7, 1, 2), 10)
  rng = np.random.default_rng(0)
  solutions = []
  for _ in range(3000):
    steps, correct = task.sample(problem, rng)
    solutions.append(tree_values.Checked(problem.id, tuple(steps), correct))
  exact, mean, progress = {}, {}, {}
  for method, known in (("alpha_math", mean), ("rest", progress)):
    for one in tree_values.label(solutions, method, "generator"):
      for k in range(1, 5):
        prefix = one.steps[:k]
        if one.n_total[k - 1] >= 20:
          exact[prefix] = task.value(problem, prefix)
          known[prefix] = one.soft[k - 1], one.n_total[k - 1]
  assert len(exact) > 30
  for prefix, value in exact.items():
    spread = np.sqrt(value * (1 - value) / mean[prefix][1])
    assert abs(mean[prefix][0] - value) <= 4.5 * spread + 1e-9
  depth = [len(prefix) / 5 for prefix in exact]
  same = np.isclose([progress[p][0] for p in exact], depth)
  assert same.mean() > 0.95
  values = list(exact.values())
  assert scipy.stats.spearmanr(values, depth).statistic < -0.5


def test_rows_of_searches_and_samples():
  row = records.SearchRow
  sample = records.SearchSample(
    problem_id="p",
    rows=(
      row(("a", "b"), correct=True, extra={"values": [0.5, 1]}),
      row(("a",), correct=None),
      row((), correct=False),
      row(("a", "b"), correct=True, extra={"copy": True}),
    ),
    chosen=0,
    cost={},
  )
  one = records.Solution("q", ("c",), correct=False)
  found, left = tree_values.read([sample, one])
  assert found == [
    tree_values.Checked("p", ("a", "b"), True, (0.5, 1.0)),
    tree_values.Checked("q", ("c",), False),
  ]
  assert left == {"without_verdict": 1, "without_steps": 1, "copies": 1}
  with pytest.raises(errors.UserError, match="steps: the solution has none"):
    solution("", True)
  with pytest.raises(errors.UserError, match="values: 1 for 2 steps"):
    solution("ab", True, (0.5,))
  with pytest.raises(errors.UserError, match="are not in"):
    solution("a", True, (1.5,))
