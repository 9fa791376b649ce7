"""Arithmetic on graphs mod a prime, with planted errors and corrections.

After iGSM (arXiv 2407.20311); problems are those of `graphs`, steps those of
`graph_steps`. The reference policy computes the needed quantities, always the
first that can be, and states the answer. It

  - writes a wrong residue at a quantity with probability e, each wrong one
    with equal chance;
  - after such an error, with probability rho, writes that quantity once more,
    right given the values before it, and goes on.

So an error stays with probability e' = e (1 - rho). All operations are
linear: the error of the answer is the sum of the errors of the quantities,
each times a coefficient, the derivative of the query with respect to it. A
coefficient other than 0 permutes the residues mod a prime, so with k
quantities to come whose coefficient is not 0, and a deficit d of the answer
that the values written so far amount to,

  V = 1/m + (1 - 1/m) lambda^k  if d = 0,  else (1 - lambda^k) / m,

lambda = 1 - e' m / (m - 1). A step is valid when it is right given what was
written before it. An invalid step may be harmless (coefficient 0), be
corrected, or be undone by another; so step correctness and value differ.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from prm_jax import errors
from prm_jax.tasks import base, drawing, graph_steps, graphs
from prm_jax.text import tokenizer as tokenizer_lib

NAME = "graph_arithmetic"
MAX_STEP_TOKENS = 12  # `26 = 24 + 25 = 15 + 5 = 20` and `;`
_PRIMES = [n for n in range(2, 200) if all(n % k for k in range(2, n))]


@dataclasses.dataclass(frozen=True)
class Config:
  """What a user can set; another policy on the same problems is one more.

  Attributes:
    modulus: m, a prime below 200.
    num_quantities: of a graph, 2 to 100, those not needed included.
    min_operations: of the needed quantities.
    max_operations: likewise; train on few, test on more.
    error_rate: e.
    recovery_rate: rho.
    num_problems: problems of all splits together.
    seed: of the problems; they do not depend on the rates.
  """

  modulus: int = 23
  num_quantities: int = 8
  min_operations: int = 2
  max_operations: int = 6
  error_rate: float = 0.1
  recovery_rate: float = 0.1
  num_problems: int = 2000
  seed: int = 0


class GraphArithmetic:
  """The task; see `Config`."""

  name = NAME
  max_step_tokens = MAX_STEP_TOKENS

  def __init__(self, config: Config = Config()):
    _check(config)
    self.config = config
    # Every quantity may be written twice.
    self.max_steps = 2 * config.num_quantities + 1

  def tokenizer(self) -> tokenizer_lib.Tokenizer:
    largest = self.config.modulus + self.config.num_quantities - 1
    return tokenizer_lib.number_tokenizer(max(9, largest))

  def problems(self, split: base.Split) -> Iterator[base.Problem]:
    """Problems of one structure are in one split, whatever their names."""
    same = dataclasses.replace(self.config, error_rate=0.0, recovery_rate=0.0)
    for problem in _problems(same):
      if base.hash_split(problem.id) == split:
        yield problem

  def sample(
    self,
    problem: base.Problem,
    rng: np.random.Generator,
    begun: Sequence[str] = (),
  ) -> tuple[list[str], bool]:
    """Steps of the reference policy, the answer's included; if it is right.

    Args:
      problem: what is solved.
      rng: draws.
      begun: the steps that are written already; the first of those returned.

    Raises:
      UserError: one of `begun` is malformed.
    """
    graph = graphs.of_problem(problem)
    modulus, rho = graph.modulus, self.config.recovery_rate
    judged = graph_steps.judge(graph, begun)
    if len(judged) < len(begun):
      raise errors.UserError(f"steps: {begun[len(judged)]!r} is out of place")
    steps = list(begun)
    if judged and judged[-1].name is None:
      return steps, judged[-1].ok
    values = graph_steps.written_values(judged)
    corrected = graph_steps.corrected(graph, judged, values)
    if corrected is not None and rng.random() < rho:
      steps.append(graph_steps.right_step(graph, judged[-1].name, values))
      values = corrected
    for name in graph.order:
      if name in values:
        continue
      quoted = graphs.quote(graph, name, values)
      assert quoted is not None  # parents come first
      right = result = graphs.apply(quoted, modulus)
      if rng.random() < self.config.error_rate:
        result = int(right + rng.integers(1, modulus)) % modulus
      steps.append(graph_steps.format_step(graph, name, quoted, result))
      if result != right and rng.random() < rho:
        result = right
        steps.append(graph_steps.right_step(graph, name, values))
      values[name] = result
    answer = values[graph.query]
    return [*steps, f"= {answer}"], str(answer) == problem.answer

  def demonstrations(
    self, problem: base.Problem, rng: np.random.Generator, num: int
  ) -> list[list[str]]:
    """Samples of the policy, errors and all: the model is to be it."""
    return [self.sample(problem, rng)[0] for _ in range(num)]

  def value(self, problem: base.Problem, steps: Sequence[str]) -> float:
    """P(answer right | steps) of the policy; 0 for malformed steps."""
    graph = graphs.of_problem(problem)
    judged = graph_steps.judge(graph, steps)
    if len(judged) < len(steps):
      return 0.0
    if judged and judged[-1].name is None:
      return float(judged[-1].ok)
    values = graph_steps.written_values(judged)
    stays = self._continued(graph, values)
    corrected = graph_steps.corrected(graph, judged, values)
    if corrected is None:
      return stays
    rho = self.config.recovery_rate
    return rho * self._continued(graph, corrected) + (1 - rho) * stays

  def _continued(self, graph: graphs.Graph, values: Mapping[int, int]) -> float:
    """V where no error is waiting to be corrected."""
    modulus, config = graph.modulus, self.config
    truth = graph.truth[graph.query]
    deficit = graphs.complete(graph, values)[graph.query] != truth
    num_left = num_influential(graph, values)
    error = config.error_rate * (1 - config.recovery_rate)
    kept = (1 - error * modulus / (modulus - 1)) ** num_left
    return (1 - kept) / modulus if deficit else (1 - kept) / modulus + kept

  def oracle(
    self, problem: base.Problem, steps: Sequence[str]
  ) -> base.StepTruth:
    """`valid` is local; from a malformed step on, all are invalid and lost."""
    judged = graph_steps.judge(graphs.of_problem(problem), steps)
    lost = [False] * (len(steps) - len(judged))
    ends = range(1, len(judged) + 1)
    return base.StepTruth(
      [step.valid for step in judged] + lost,
      [self.value(problem, steps[:end]) > 0 for end in ends] + lost,
    )

  def verify(self, problem: base.Problem, steps: Sequence[str]) -> base.Verdict:
    """Correct is a right answer, lucky or not; the steps need not be."""
    judged = graph_steps.judge(graphs.of_problem(problem), steps)
    if len(judged) < len(steps):
      index = len(judged)
      return base.Verdict(
        False, None, f"step {index + 1}: {steps[index]!r} is out of place"
      )
    if not judged or judged[-1].name is not None:
      return base.Verdict(False, None, "stops before the answer")
    wrong = [
      f"step {i}: {s.reason}; " for i, s in enumerate(judged, 1) if s.reason
    ]
    end = f"answers {judged[-1].result}"
    if not judged[-1].ok:
      end += f", not {problem.answer}"
    return base.Verdict(
      judged[-1].ok, str(judged[-1].result), "".join(wrong[:1]) + end
    )


def first_error(problem: base.Problem, steps: Sequence[str]) -> int | None:
  """Index of the first step that is not valid; None if all are."""
  judged = graph_steps.judge(graphs.of_problem(problem), steps)
  valid = [
    *(step.valid for step in judged),
    *[False] * len(steps[len(judged) :]),
  ]
  return valid.index(False) if False in valid else None


def num_influential(graph: graphs.Graph, values: Mapping[int, int]) -> int:
  """Quantities to come on whose value the query's depends, mod m."""
  left = [name for name in graph.order if name not in values]
  slope = dict.fromkeys(left, 0)
  if graph.query in slope:
    slope[graph.query] = 1
  for name in reversed(left):
    first, operator, second = graph.definitions[name]
    factor = second if operator == "*" else 1
    for operand, own in (
      (first, factor),
      (second, -1 if operator == "-" else 1),
    ):
      if operand in slope:
        slope[operand] += slope[name] * own
  return sum(value % graph.modulus != 0 for value in slope.values())


def make_problem(graph: graphs.Graph) -> base.Problem:
  return base.Problem(
    id=f"{NAME}/{graph.modulus}:{graphs.structure(graph)}",
    task=NAME,
    prompt=graphs.prompt(graph),
    answer=str(graph.truth[graph.query]),
    meta=graphs.to_meta(graph),
  )


@functools.cache
def _problems(config: Config) -> tuple[base.Problem, ...]:
  draw = functools.partial(_draw, config)
  return drawing.draw_problems(draw, config.num_problems, config.seed)


def _draw(config: Config, rng: np.random.Generator) -> base.Problem | None:
  """A problem, or None where no quantity takes so many operations."""
  modulus, size = config.modulus, config.num_quantities
  names = [int(n) + modulus for n in rng.permutation(size)]
  definitions: dict[int, graphs.Definition] = {}
  for index, name in enumerate(names):
    definitions[name] = _definition(names[:index], modulus, rng)
  shuffled = [names[i] for i in rng.permutation(size)]
  found = graphs.Graph(modulus, {n: definitions[n] for n in shuffled}, 0)
  queries = [
    name
    for name in shuffled
    if config.min_operations
    <= graphs.num_operations(dataclasses.replace(found, query=name))
    <= config.max_operations
  ]
  if not queries:
    return None
  query = queries[rng.integers(len(queries))]
  return make_problem(dataclasses.replace(found, query=query))


def _definition(
  earlier: Sequence[int], modulus: int, rng: np.random.Generator
) -> graphs.Definition:
  """Of the next quantity: a constant first, then mostly operations."""
  constant = int(rng.integers(1, modulus))
  if not earlier or rng.random() < 0.15:
    return graphs.Definition(constant, "", 0)
  left, right = (earlier[int(rng.integers(len(earlier)))] for _ in range(2))
  operator = "+-+*"[rng.integers(4)]
  if operator == "*" or (operator == "+" and rng.random() < 0.5):
    return graphs.Definition(left, operator, constant)
  return graphs.Definition(left, operator, right)


def _check(config: Config) -> None:
  if config.modulus not in _PRIMES:
    raise errors.UserError(
      f"task.modulus: expected a prime below 200, got {config.modulus}"
    )
  if not 2 <= config.num_quantities <= 100:
    raise errors.UserError(
      f"task.num_quantities: expected 2 to 100, got {config.num_quantities}"
    )
  if not 0 <= config.min_operations <= config.max_operations:
    raise errors.UserError(
      "task.min_operations, task.max_operations: expected 0 or more in "
      f"order, got {config.min_operations} and {config.max_operations}"
    )
  for field in ("error_rate", "recovery_rate"):
    rate = getattr(config, field)
    if not 0 <= rate <= 1:
      raise errors.UserError(f"task.{field}: expected 0 to 1, got {rate}")
