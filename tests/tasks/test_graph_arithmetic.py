"""Graphs mod 23: exact values, and three kinds of step labels."""

import dataclasses
import itertools

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.tasks import graph_arithmetic, graph_steps, graphs
from prm_jax.text import steps as steps_lib

SPLITS = ("train", "validation", "test")
CONFIG = graph_arithmetic.Config(num_problems=100)
A, B, C = 24, 25, 23  # a = 5, b = a * 3, c = a + b
HAND = graphs.Graph(
  23,
  {
    C: graphs.Definition(A, "+", B),
    A: graphs.Definition(5, "", 0),
    B: graphs.Definition(A, "*", 3),
    26: graphs.Definition(A, "-", B),  # not needed
  },
  C,
)
PROBLEM = graph_arithmetic.make_problem(HAND)
RIGHT = ["24 = 5", "25 = 24 * 3 = 5 * 3 = 15", "23 = 24 + 25 = 5 + 15 = 20"]
WRONG = ["24 = 5", "25 = 24 * 3 = 5 * 3 = 14", "23 = 24 + 25 = 5 + 14 = 19"]
HEALED = [*WRONG[:2], *RIGHT[1:]]


@pytest.fixture(scope="module")
def task():
  return graph_arithmetic.GraphArithmetic(CONFIG)


def values(task, steps):
  return [task.value(PROBLEM, steps[:k]) for k in range(len(steps) + 1)]


def test_problem_text():
  assert PROBLEM.prompt == (
    "23 : 23 = 24 + 25 | 24 = 5 | 25 = 24 * 3 | 26 = 24 - 25 : 23 :"
  )
  assert PROBLEM.answer == "20"
  assert graphs.of_problem(PROBLEM) == HAND
  assert list(HAND.order) == [A, B, C]
  assert graphs.num_operations(HAND) == 2
  assert graphs.apply(graphs.Definition(5, "+", 20), 23) == 2
  assert graphs.apply(graphs.Definition(5, "-", 20), 23) == 8


@pytest.mark.parametrize(
  ("steps", "local", "right", "redundant", "first"),
  [
    (RIGHT, [1, 1, 1], [1, 1, 1], [0, 0, 0], None),
    (WRONG, [1, 0, 1], [1, 0, 0], [0, 0, 0], 1),
    (HEALED, [1, 0, 1, 1], [1, 0, 1, 1], [0, 0, 0, 0], 1),
    ([*RIGHT[:2], RIGHT[0]], [1, 1, 1], [1, 1, 1], [0, 0, 1], None),
    (
      [*RIGHT[:2], "26 = 24 - 25 = 5 - 15 = 13"],
      [1, 1, 1],
      [1, 1, 1],
      [0, 0, 1],
      None,
    ),
    ([RIGHT[1]], [0], [1], [0], 0),  # a has no value yet
    (["24 = 6"], [0], [0], [0], 0),
    ([RIGHT[0], "25 = 24 * 4 = 5 * 4 = 20"], [1, 0], [1, 0], [0, 0], 1),
    ([RIGHT[0], "25 = 24 * 3 = 6 * 3 = 15"], [1, 0], [1, 1], [0, 0], 1),
    ([*RIGHT, "= 20"], [1] * 4, [1] * 4, [0] * 4, None),
    ([*RIGHT, "= 19"], [1, 1, 1, 0], [1, 1, 1, 0], [0] * 4, 3),
    ([*WRONG, "= 19"], [1, 0, 1, 1], [1, 0, 0, 0], [0] * 4, 1),
  ],
)
def test_local_global_and_redundant(
  task, steps, local, right, redundant, first
):
  judged = graph_steps.judge(HAND, steps)
  assert [s.valid for s in judged] == list(map(bool, local))
  assert [s.ok for s in judged] == list(map(bool, right))
  assert [s.redundant for s in judged] == list(map(bool, redundant))
  assert task.oracle(PROBLEM, steps).valid == list(map(bool, local))
  assert graph_arithmetic.first_error(PROBLEM, steps) == first


def test_values_by_hand(task):
  """e = rho = .1: an error stays with probability .09, m / (m - 1) = 23/22."""
  lam = 1 - 0.09 * 23 / 22
  good = lambda k: 1 / 23 + 22 / 23 * lam**k
  bad = lambda k: (1 - lam**k) / 23
  # b has the slope 1; a's slope 1 + 3 is not 0 either.
  expected = [good(3), good(2), good(1), good(0), 1.0]
  np.testing.assert_allclose(values(task, [*RIGHT, "= 20"]), expected)
  after = 0.1 * good(1) + 0.9 * bad(1)  # the error may yet be corrected
  np.testing.assert_allclose(
    values(task, [*WRONG, "= 19"]), [good(3), good(2), after, 0.0, 0.0]
  )
  np.testing.assert_allclose(values(task, HEALED)[3:], [good(1), 1.0])


def test_an_error_may_be_harmless(task):
  """c = a - b with b = a + 3: what a is does not matter."""
  harmless = graphs.Graph(
    23,
    {
      A: graphs.Definition(5, "", 0),
      B: graphs.Definition(A, "+", 3),
      C: graphs.Definition(A, "-", B),
    },
    C,
  )
  problem = graph_arithmetic.make_problem(harmless)
  assert graph_arithmetic.num_influential(harmless, {}) == 2
  assert graph_arithmetic.num_influential(harmless, {A: 6}) == 2
  assert graph_arithmetic.num_influential(harmless, {A: 6, B: 9}) == 1
  assert not task.oracle(problem, ["24 = 6"]).valid[0]
  assert task.value(problem, ["24 = 6"]) == task.value(problem, [])


def test_values_by_enumeration():
  """All outcomes of a policy mod 3, weighted, against the closed form."""
  config = graph_arithmetic.Config(
    modulus=3, num_quantities=5, error_rate=0.3, recovery_rate=0.4,
    min_operations=3, max_operations=4, num_problems=8,
  )  # fmt: skip
  task = graph_arithmetic.GraphArithmetic(config)
  for split in SPLITS:
    for problem in task.problems(split):
      graph = graphs.of_problem(problem)
      names = graph.order
      for prefix in range(len(names)):
        for written in itertools.product(range(3), repeat=prefix):
          start = dict(zip(names[:prefix], written, strict=True))
          total = _enumerate(graph, names[prefix:], start, config)
          found = task._continued(graph, start)
          assert found == pytest.approx(total)


def _enumerate(graph, names, values, config):
  if not names:
    return float(values[graph.query] == graph.truth[graph.query])
  right = graphs.apply(graphs.quote(graph, names[0], values), graph.modulus)
  stays = config.error_rate * (1 - config.recovery_rate)
  wrong = stays / (graph.modulus - 1)
  return sum(
    (1 - stays if value == right else wrong)
    * _enumerate(graph, names[1:], {**values, names[0]: value}, config)
    for value in range(graph.modulus)
  )


def test_the_policy_has_the_values_it_claims(task):
  """Outcomes after each prefix of samples (4.5 standard errors)."""
  config = dataclasses.replace(CONFIG, error_rate=0.3, recovery_rate=0.3)
  policy = graph_arithmetic.GraphArithmetic(config)
  problem = next(
    p
    for p in policy.problems("train")
    if graph_arithmetic.num_influential(graphs.of_problem(p), {}) >= 5
  )
  rng = np.random.default_rng(0)
  outcomes: dict[float, list[bool]] = {}
  for _ in range(1500):
    steps, correct = policy.sample(problem, rng)
    assert policy.verify(problem, steps).correct == correct
    assert len(steps) <= policy.max_steps
    for end in range(len(steps)):
      value = round(policy.value(problem, steps[:end]), 12)
      outcomes.setdefault(value, []).append(correct)
  assert len(outcomes) > 5
  for value, found in outcomes.items():
    sigma = np.sqrt(max(value * (1 - value), 1e-12) / len(found))
    assert abs(np.mean(found) - value) < 4.5 * sigma + 1e-9


def test_order_and_names_are_no_part_of_the_structure():
  shuffled = graphs.Graph(
    23, dict(reversed(HAND.definitions.items())), HAND.query
  )
  names = {A: 27, B: 23, C: 30, 26: 24}
  renamed = graphs.Graph(
    23,
    {
      names[n]: graphs.Definition(names.get(a, a), o, names.get(b, b))
      for n, (a, o, b) in HAND.definitions.items()
    },
    30,
  )
  other = graphs.Graph(
    23, {**HAND.definitions, A: graphs.Definition(6, "", 0)}, C
  )
  assert graphs.structure(shuffled) == graphs.structure(HAND)
  assert graphs.structure(renamed) == graphs.structure(HAND)
  assert graphs.structure(other) != graphs.structure(HAND)
  # The same steps are right whatever the order of the sentences.
  assert all(s.valid for s in graph_steps.judge(shuffled, RIGHT))


@pytest.mark.parametrize(
  ("steps", "correct", "answer", "reason"),
  [
    ([*RIGHT, "= 20"], True, "20", "answers 20"),
    (
      [*WRONG, "= 19"],
      False,
      "19",
      "step 2: 5 * 3 is 15 mod 23; answers 19, not 20",
    ),
    (RIGHT, False, None, "stops before the answer"),
    (["= 20"], True, "20", "step 1: 23 has no value yet; answers 20"),
    ([*RIGHT, "= 20", "= 20"], False, None, "step 5: '= 20' is out of place"),
    (["24 = 28"], False, None, "step 1: '24 = 28' is out of place"),
    (["31 = 5"], False, None, "step 1: '31 = 5' is out of place"),
    (["24 = 05"], False, None, "step 1: '24 = 05' is out of place"),
  ],
)
def test_verify(task, steps, correct, answer, reason):
  verdict = task.verify(PROBLEM, steps)
  assert verdict == type(verdict)(correct, answer, reason)


def test_splits_and_operations():
  few = dataclasses.replace(CONFIG, min_operations=1, max_operations=3)
  many = dataclasses.replace(
    CONFIG, num_quantities=16, min_operations=5, max_operations=9
  )
  for config, low, high in ((few, 1, 3), (many, 5, 9)):
    made = graph_arithmetic.GraphArithmetic(config)
    found = [p for split in SPLITS for p in made.problems(split)]
    assert len({p.id for p in found}) == 100
    counts = {graphs.num_operations(graphs.of_problem(p)) for p in found}
    assert low <= min(counts) <= max(counts) <= high
  rates = dataclasses.replace(few, error_rate=0.5, recovery_rate=0.0)
  other = graph_arithmetic.GraphArithmetic(rates)
  same = graph_arithmetic.GraphArithmetic(few)
  for split in SPLITS:
    assert list(other.problems(split)) == list(same.problems(split))


def test_demonstrations_fit_tokenizer_and_bounds():
  config = dataclasses.replace(
    CONFIG, error_rate=0.5, recovery_rate=0.5, num_problems=20
  )
  task = graph_arithmetic.GraphArithmetic(config)
  rng = np.random.default_rng(0)
  longest = 0
  for problem in task.problems("train"):
    for steps in task.demonstrations(problem, rng, 5):
      solution = steps_lib.encode_solution(
        task.tokenizer(), problem.prompt, steps
      )
      ends = [solution.prompt_length - 1, *solution.step_end.tolist()]
      longest = max(longest, *np.diff(ends))
  assert longest == task.max_step_tokens


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"modulus": 21}, "task.modulus: expected a prime below 200, got 21"),
    ({"num_quantities": 1}, "task.num_quantities: expected 2 to 100, got 1"),
    ({"error_rate": 1.5}, "task.error_rate: expected 0 to 1, got 1.5"),
    ({"min_operations": 7}, "in order, got 7 and 6"),
    ({"min_operations": 20, "max_operations": 30}, "found 0 different"),
  ],
)
def test_bad_config(fields, message):
  def problems():
    config = dataclasses.replace(CONFIG, **fields)
    return list(graph_arithmetic.GraphArithmetic(config).problems("test"))

  with pytest.raises(errors.UserError) as told:
    problems()
  assert message in str(told.value)
