"""Modular addition chains with planted errors and recoveries.

The text of an ok/bad Markov chain whose values are exact. Prompt
`10 : 3 + 4 + 7 :` gives the modulus, the start and the addends. Step t adds
the t-th addend to the partial result written before, `3 + 4 = 7`, and the
last step writes the answer, `= 4`. A prefix is ok when the partial result
that it ends with is the true one. The generator

  - in the ok state writes a wrong residue with probability e, each wrong one
    with equal chance;
  - in the bad state goes on from the wrong partial result, or with
    probability rho starts afresh and adds up from the start,
    `3 + 4 + 7 = 4`, which is right;
  - answers with the partial result in the ok state and with a uniformly
    random residue in the bad one, right with probability 1/m.

So with V_T(ok) = 1 and V_T(bad) = 1/m,

  V_t(ok)  = (1 - e) V_{t+1}(ok) + e V_{t+1}(bad)
  V_t(bad) = rho V_{t+1}(ok) + (1 - rho) V_{t+1}(bad).

A step is valid when it is right given what was written before it; a valid
step may well end in the bad state, so step correctness and value differ.
"""

import dataclasses
import functools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from prm_jax import errors
from prm_jax.tasks import base, drawing
from prm_jax.text import tokenizer as tokenizer_lib

NAME = "chain"
_NUMBER = "0|[1-9][0-9]{0,8}"
_PARTIAL = re.compile(
  f"(?P<terms>({_NUMBER})( \\+ ({_NUMBER}))+) = (?P<result>{_NUMBER})"
)
_ANSWER = re.compile(f"= (?P<result>{_NUMBER})")


@dataclasses.dataclass(frozen=True)
class Config:
  """What a user can set; another policy on the same problems is one more.

  Attributes:
    modulus: m, 2 to 1000.
    num_addends: T, the number of steps before the answer, 1 to 100.
    error_rate: e.
    recovery_rate: rho.
    num_problems: problems of all splits together.
    seed: of the problems; they do not depend on the rates.
  """

  modulus: int = 10
  num_addends: int = 4
  error_rate: float = 0.1
  recovery_rate: float = 0.05
  num_problems: int = 2000
  seed: int = 0


class JudgedStep(NamedTuple):
  """What is so of one step.

  Attributes:
    valid: right given what was written before it.
    ok: its result is the true partial result (or the true answer).
    written: the result as written.
    reason: what is wrong with it, or "".
  """

  valid: bool
  ok: bool
  written: int
  reason: str


class Chain:
  """The task; see `Config`."""

  name = NAME

  def __init__(self, config: Config = Config()):
    _check(config)
    self.config = config
    self.max_steps = config.num_addends + 1
    # A restart at the last addend: T + 1 terms, T signs, `= r` and `;`.
    self.max_step_tokens = 2 * config.num_addends + 4

  def tokenizer(self) -> tokenizer_lib.Tokenizer:
    return tokenizer_lib.number_tokenizer(max(9, self.config.modulus))

  def problems(self, split: base.Split) -> Iterator[base.Problem]:
    config = self.config
    problems = _problems(
      config.modulus, config.num_addends, config.num_problems, config.seed
    )
    for problem in problems:
      if base.hash_split(problem.id) == split:
        yield problem

  def sample(
    self,
    problem: base.Problem,
    rng: np.random.Generator,
    begun: Sequence[str] = (),
  ) -> tuple[list[str], bool]:
    """Steps of the generator, the answer's included, and if it is right.

    Args:
      problem: what is solved.
      rng: draws.
      begun: the steps that are written already; the first of those returned.

    Raises:
      UserError: one of `begun` is malformed.
    """
    terms, modulus = problem.meta["terms"], problem.meta["modulus"]
    judged = judge(problem, begun)
    if len(judged) < len(begun):
      raise errors.UserError(f"steps: {begun[len(judged)]!r} is out of place")
    if len(judged) == len(terms):
      return list(begun), judged[-1].ok
    steps = list(begun)
    written = judged[-1].written if judged else terms[0]
    true = sum(terms[: len(steps) + 1]) % modulus
    rest = terms[len(steps) + 1 :]
    for index, addend in enumerate(rest, start=len(steps) + 1):
      added = [written, addend]
      ok = written == true
      true = (true + addend) % modulus
      if ok and rng.random() < self.config.error_rate:
        written = int(true + rng.integers(1, modulus)) % modulus
      elif not ok and rng.random() < self.config.recovery_rate:
        added, written = terms[: index + 1], true
      else:
        written = sum(added) % modulus
      steps.append(f"{_format_sum(added)} = {written}")
    answer = written if written == true else int(rng.integers(modulus))
    return [*steps, f"= {answer}"], answer == true

  def demonstrations(
    self, problem: base.Problem, rng: np.random.Generator, num: int
  ) -> list[list[str]]:
    """Samples of the generator, errors and all: the policy is to be it."""
    return [self.sample(problem, rng)[0] for _ in range(num)]

  def value(self, problem: base.Problem, steps: Sequence[str]) -> float:
    """P(answer right | steps) of the generator; 0 for malformed steps."""
    judged = judge(problem, steps)
    if len(judged) < len(steps):
      return 0.0
    ok = not judged or judged[-1].ok
    if len(judged) > self.config.num_addends:
      return float(ok)
    return float(state_values(self.config)[len(judged), int(ok)])

  def oracle(
    self, problem: base.Problem, steps: Sequence[str]
  ) -> base.StepTruth:
    """`valid` is local; from a malformed step on, all are invalid and lost."""
    judged = judge(problem, steps)
    lost = [False] * (len(steps) - len(judged))
    ends = range(1, len(judged) + 1)
    return base.StepTruth(
      [step.valid for step in judged] + lost,
      [self.value(problem, steps[:end]) > 0 for end in ends] + lost,
    )

  def verify(self, problem: base.Problem, steps: Sequence[str]) -> base.Verdict:
    """Correct is a right answer, lucky or not; the steps need not be."""
    judged = judge(problem, steps)
    if len(judged) < len(steps):
      index = len(judged)
      return base.Verdict(
        False, None, f"step {index + 1}: {steps[index]!r} is out of place"
      )
    if len(judged) < len(problem.meta["terms"]):
      return base.Verdict(False, None, "stops before the answer")
    wrong = [
      f"step {i}: {s.reason}; " for i, s in enumerate(judged, 1) if s.reason
    ]
    written, ok = judged[-1].written, judged[-1].ok
    end = (
      f"answers {written}" if ok else f"answers {written}, not {problem.answer}"
    )
    return base.Verdict(ok, str(written), "".join(wrong[:1]) + end)


def judge(problem: base.Problem, steps: Sequence[str]) -> list[JudgedStep]:
  """Judges the steps up to the first that is malformed or one too many."""
  terms, modulus = problem.meta["terms"], problem.meta["modulus"]
  judged: list[JudgedStep] = []
  written = terms[0]
  for index, step in enumerate(steps[: len(terms)], start=1):
    is_answer = index == len(terms)
    match = (_ANSWER if is_answer else _PARTIAL).fullmatch(step)
    if match is None or int(match["result"]) >= modulus:
      break
    result = int(match["result"])
    true = sum(terms[: index + 1]) % modulus
    if is_answer:
      choices, added = [[written]], [written]
    else:
      choices = [[written, terms[index]], terms[: index + 1]]
      added = [int(term) for term in match["terms"].split(" + ")]
    reason = _complaint(added, choices, result, modulus)
    judged.append(JudgedStep(not reason, result == true, result, reason))
    written = result
  return judged


def first_error(problem: base.Problem, steps: Sequence[str]) -> int | None:
  """Index of the first step that is not valid; None if all are."""
  judged = judge(problem, steps)
  valid = [
    *(step.valid for step in judged),
    *[False] * len(steps[len(judged) :]),
  ]
  return valid.index(False) if False in valid else None


@functools.cache
def state_values(config: Config) -> np.ndarray:
  """V after t steps in each state: float64 [T + 1, 2], bad then ok."""
  to_ok = np.array([config.recovery_rate, 1 - config.error_rate])
  values = [np.array([1 / config.modulus, 1.0])]
  for _ in range(config.num_addends):
    bad, ok = values[-1]
    values.append(to_ok * ok + (1 - to_ok) * bad)
  return np.stack(values[::-1])


@functools.cache
def _problems(
  modulus: int, num_addends: int, num_problems: int, seed: int
) -> tuple[base.Problem, ...]:
  def draw(rng: np.random.Generator) -> base.Problem:
    return make_problem(rng.integers(modulus, size=num_addends + 1), modulus)

  return drawing.draw_problems(draw, num_problems, seed)


def make_problem(
  terms: Sequence[int] | np.ndarray, modulus: int
) -> base.Problem:
  """The problem with these terms, the start first."""
  numbers = [int(term) for term in terms]
  return base.Problem(
    id=f"{NAME}/{modulus}:{'-'.join(map(str, numbers))}",
    task=NAME,
    prompt=f"{modulus} : {_format_sum(numbers)} :",
    answer=str(sum(numbers) % modulus),
    meta={"modulus": modulus, "terms": numbers},
  )


def _complaint(
  added: list[int], choices: list[list[int]], result: int, modulus: int
) -> str:
  """What is wrong with `added = result`, or ""."""
  if added not in choices:
    expected = " or ".join(map(_format_sum, choices))
    return f"has {_format_sum(added)}, not {expected}"
  right = sum(added) % modulus
  if right != result:
    return f"{_format_sum(added)} is {right} mod {modulus}, not {result}"
  return ""


def _format_sum(terms: Sequence[int]) -> str:
  return " + ".join(map(str, terms))


def _check(config: Config) -> None:
  for field, lowest, highest in (
    ("modulus", 2, 1000),
    ("num_addends", 1, 100),
  ):
    number = getattr(config, field)
    if not lowest <= number <= highest:
      raise errors.UserError(
        f"task.{field}: expected {lowest} to {highest}, got {number}"
      )
  for field in ("error_rate", "recovery_rate"):
    rate = getattr(config, field)
    if not 0 <= rate <= 1:
      raise errors.UserError(f"task.{field}: expected 0 to 1, got {rate}")
