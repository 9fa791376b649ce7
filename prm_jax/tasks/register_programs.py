"""Short programs on registers that have to compute a given function.

Prompt `3 : 2 3 : 0 1 2 1 2 0 2 0 1 :` gives the modulus, the numbers of inputs
and of registers, and the result for every input, the last input fastest; so
the tests are exhaustive. A step is a line of `registers`, such as
`0 = 0 + 1`. Every problem has a reference program all of whose lines are
needed; any program that passes the tests is right.

The reference policy writes the reference's lines one by one, each with
probability e replaced by a mutant, a line that differs in one place, all with
equal chance. A mutant may be equivalent. With S the registers on all inputs,

  V_t(S) = (1 - e) V_{t+1}(r_t S) + e mean over mutants m of V_{t+1}(m S),

and V after the last line is whether the tests pass. A step is valid when the
lines so far, completed by the reference's, pass the tests: the label that
execution gives to a rewritten line (PRLCoder, arXiv 2502.01715).
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import numpy as np

from prm_jax import errors
from prm_jax.tasks import base, drawing, registers
from prm_jax.text import tokenizer as tokenizer_lib

NAME = "register_programs"
MAX_STEP_TOKENS = 6  # `0 = 1 + 2` and `;`


@dataclasses.dataclass(frozen=True)
class Config:
  """What a user can set; another policy on the same problems is one more.

  Attributes:
    modulus: m, 2 to 11.
    num_registers: 2 to 6.
    num_inputs: 1 to 3, not more than registers.
    min_lines: of the reference.
    max_lines: likewise, up to 6; values are sums over mutants of all lines.
    error_rate: e.
    num_problems: problems of all splits together.
    seed: of the problems; they do not depend on the rate.
  """

  modulus: int = 5
  num_registers: int = 3
  num_inputs: int = 2
  min_lines: int = 2
  max_lines: int = 3
  error_rate: float = 0.1
  num_problems: int = 400
  seed: int = 0


class RegisterPrograms:
  """The task; see `Config`."""

  name = NAME
  max_step_tokens = MAX_STEP_TOKENS

  def __init__(self, config: Config = Config()):
    _check(config)
    self.config = config
    self.max_steps = config.max_lines

  def tokenizer(self) -> tokenizer_lib.Tokenizer:
    return tokenizer_lib.number_tokenizer(max(9, self.config.modulus))

  def problems(self, split: base.Split) -> Iterator[base.Problem]:
    same = dataclasses.replace(self.config, error_rate=0.0)
    for problem in _problems(same):
      if base.hash_split(problem.id) == split:
        yield problem

  def sample(
    self, problem: base.Problem, rng: np.random.Generator
  ) -> tuple[list[str], bool]:
    """Lines of the reference policy, and if they pass the tests."""
    machine, lines = machine_of(problem), reference_of(problem)
    written = []
    for line in lines:
      others = mutants(line, machine)
      wrong = rng.random() < self.config.error_rate
      written.append(others[rng.integers(len(others))] if wrong else line)
    passes = _passes(problem, registers.run(written, machine))
    return list(map(str, written)), passes

  def demonstrations(
    self, problem: base.Problem, rng: np.random.Generator, num: int
  ) -> list[list[str]]:
    """Samples of the policy, errors and all: the model is to be it."""
    return [self.sample(problem, rng)[0] for _ in range(num)]

  def value(self, problem: base.Problem, steps: Sequence[str]) -> float:
    """P(tests pass | lines) of the policy; 0 for malformed lines."""
    machine = machine_of(problem)
    lines = parse(problem, steps)
    if len(lines) < len(steps):
      return 0.0
    rest = reference_of(problem)[len(lines) :]
    return _value(
      registers.run(lines, machine).tobytes(),
      tuple(rest),
      machine,
      _targets(problem),
      self.config.error_rate,
    )

  def oracle(
    self, problem: base.Problem, steps: Sequence[str]
  ) -> base.StepTruth:
    """See the module; from a malformed line on, all are invalid and lost."""
    lines = parse(problem, steps)
    lost = [False] * (len(steps) - len(lines))
    ends = range(1, len(lines) + 1)
    machine, reference = machine_of(problem), reference_of(problem)
    valid = [
      _passes(problem, registers.run([*lines[:end], *reference[end:]], machine))
      for end in ends
    ]
    return base.StepTruth(
      valid + lost,
      [self.value(problem, steps[:end]) > 0 for end in ends] + lost,
    )

  def verify(self, problem: base.Problem, steps: Sequence[str]) -> base.Verdict:
    """Right is what passes all tests, whatever its lines."""
    lines = parse(problem, steps)
    if len(lines) < len(steps) or not steps:
      index = len(lines)
      told = f"line {index + 1}: {steps[index]!r} is none" if steps else "empty"
      return base.Verdict(False, None, told)
    found = registers.results(lines, machine_of(problem))
    failed = sum(a != b for a, b in zip(found, _targets(problem), strict=True))
    told = f"fails {failed} of {len(found)} tests" if failed else "passes"
    return base.Verdict(not failed, " ".join(map(str, found)), told)

  def rewrite(
    self,
    problem: base.Problem,
    steps: Sequence[str],
    index: int,
    rng: np.random.Generator,
    *,
    refactor: bool,
  ) -> str | None:
    """Another line in the place of one, see `mutants` and `refactored`."""
    machine = machine_of(problem)
    line = registers.parse(steps[index], machine)
    if line is None:
      return None
    others = (refactored if refactor else mutants)(line, machine)
    return str(others[rng.integers(len(others))]) if others else None


def mutants(
  line: registers.Line, machine: registers.Machine
) -> tuple[registers.Line, ...]:
  """All lines that differ from this one in one place; some do the same."""
  if line.sign == registers.CONSTANT:
    values = range(machine.modulus)
    return tuple(line._replace(first=v) for v in values if v != line.first)
  names = range(machine.num_registers)
  found = [line._replace(sign=s) for s in registers.OPERATORS]
  found += [line._replace(to=name) for name in names]
  found += [line._replace(first=name) for name in names]
  found += [line._replace(second=name) for name in names]
  return tuple(dict.fromkeys(other for other in found if other != line))


def refactored(
  line: registers.Line, machine: registers.Machine
) -> tuple[registers.Line, ...]:
  """Lines written otherwise that do the same whatever registers hold."""
  del machine
  if line.sign in ("+", "*") and line.first != line.second:
    return (line._replace(first=line.second, second=line.first),)
  if line.first == line.second and line.sign in ("-", "|"):
    other = "|" if line.sign == "-" else "-"
    return (line._replace(sign=other),)  # both are 0
  return ()


def parse(problem: base.Problem, steps: Sequence[str]) -> list[registers.Line]:
  """The lines up to the first that is malformed."""
  machine, found = machine_of(problem), []
  for text in steps:
    line = registers.parse(text, machine)
    if line is None:
      break
    found.append(line)
  return found


def machine_of(problem: base.Problem) -> registers.Machine:
  return registers.Machine(*problem.meta["machine"])


def reference_of(problem: base.Problem) -> list[registers.Line]:
  machine = machine_of(problem)
  found = [registers.parse(t, machine) for t in problem.meta["reference"]]
  return [line for line in found if line is not None]


def make_problem(
  lines: Sequence[registers.Line], machine: registers.Machine
) -> base.Problem:
  """The problem that these lines are the reference of."""
  answer = " ".join(map(str, registers.results(lines, machine)))
  modulus, num_registers, num_inputs = machine
  sizes = f"{modulus}-{num_registers}-{num_inputs}"
  return base.Problem(
    id=f"{NAME}/{sizes}:{answer.replace(' ', '-')}",
    task=NAME,
    prompt=f"{modulus} : {num_inputs} {num_registers} : {answer} :",
    answer=answer,
    meta={"machine": list(machine), "reference": [str(x) for x in lines]},
  )


def _targets(problem: base.Problem) -> tuple[int, ...]:
  return tuple(map(int, (problem.answer or "").split()))


def _passes(problem: base.Problem, states: np.ndarray) -> bool:
  return tuple(states[:, 0].tolist()) == _targets(problem)


@functools.lru_cache(maxsize=1 << 18)
def _value(
  states: bytes,
  rest: tuple[registers.Line, ...],
  machine: registers.Machine,
  targets: tuple[int, ...],
  error_rate: float,
) -> float:
  """V of the registers on all inputs, with lines of the reference to come."""
  found = np.frombuffer(states, np.int64).reshape(-1, machine.num_registers)
  if not rest:
    return float(tuple(found[:, 0].tolist()) == targets)

  def after(line: registers.Line) -> float:
    following = registers.step(found, line, machine).tobytes()
    return _value(following, rest[1:], machine, targets, error_rate)

  stays = (1 - error_rate) * after(rest[0])
  if not error_rate:
    return stays
  others = mutants(rest[0], machine)
  return stays + error_rate * sum(map(after, others)) / len(others)


@functools.cache
def _problems(config: Config) -> tuple[base.Problem, ...]:
  draw = functools.partial(_draw, config)
  return drawing.draw_problems(draw, config.num_problems, config.seed)


def _draw(config: Config, rng: np.random.Generator) -> base.Problem | None:
  """A problem, or None where a line is not needed or nothing varies."""
  machine = registers.Machine(
    config.modulus, config.num_registers, config.num_inputs
  )
  candidates = registers.all_lines(machine)
  count = int(rng.integers(config.min_lines, config.max_lines + 1))
  lines = [candidates[i] for i in rng.integers(len(candidates), size=count)]
  lines[-1] = lines[-1]._replace(to=0)
  found = registers.results(lines, machine)
  if len(set(found)) == 1:
    return None
  for index in range(count):
    without = [*lines[:index], *lines[index + 1 :]]
    if registers.results(without, machine) == found:
      return None
  return make_problem(lines, machine)


def _check(config: Config) -> None:
  for field, low, high in (
    ("modulus", 2, 11),
    ("num_registers", 2, 6),
    ("num_inputs", 1, min(3, config.num_registers)),
    ("min_lines", 1, config.max_lines),
    ("max_lines", config.min_lines, 6),
  ):
    number = getattr(config, field)
    if not low <= number <= high:
      raise errors.UserError(
        f"task.{field}: expected {low} to {high}, got {number}"
      )
  if not 0 <= config.error_rate <= 1:
    raise errors.UserError(
      f"task.error_rate: expected 0 to 1, got {config.error_rate}"
    )
