"""Countdown: reach a target with some of the numbers, each used at most once.

A solution stops with the step that writes the target; numbers may be left.
The sizes follow arXiv:2404.03683 (four numbers, targets 10 to 100).
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from prm_jax import errors
from prm_jax.tasks import arithmetic, base, drawing, number_game, plays
from prm_jax.text import tokenizer as tokenizer_lib

NAME = "countdown"
FEWEST_NUMBERS, MOST_NUMBERS = 3, 6


@dataclasses.dataclass(frozen=True)
class Config:
  """What a user can set.

  Attributes:
    min_numbers, max_numbers: how many numbers a problem has, 3 to 6.
    smallest, largest: range of the numbers.
    min_target, max_target: range of the target.
    domain: results that steps may have; `natural` starts at zero.
    num_problems: problems of all splits together.
    seed: of the problems.
    num_solutions: share of solutions among the demonstrations.
    num_explorations: share of random legal plays among the demonstrations.
  """

  min_numbers: int = 4
  max_numbers: int = 4
  smallest: int = 1
  largest: int = 50
  min_target: int = 10
  max_target: int = 100
  domain: Literal["rational", "integer", "natural"] = "natural"
  num_problems: int = 2000
  seed: int = 0
  num_solutions: int = 1
  num_explorations: int = 1


class Countdown(number_game.NumberGame):
  """The task; see `Config`."""

  name = NAME

  def __init__(self, config: Config = Config()):
    _check(config)
    self.config = config
    self.max_steps = config.max_numbers - 1
    # One token per number, the bar and so on, and some for long numbers.
    self.max_step_tokens = config.max_numbers + 14

  def tokenizer(self) -> tokenizer_lib.Tokenizer:
    return tokenizer_lib.number_tokenizer(self._largest_token)

  def problems(self, split: base.Split) -> Iterator[base.Problem]:
    """Solvable problems in the order in which they were drawn."""
    for problem in _problems(self.config):
      if base.hash_split(problem.id) == split:
        yield problem

  def rules(self, problem: base.Problem) -> arithmetic.Rules:
    return rules(problem.meta["target"], self.config.domain)

  def demonstration_rules(
    self, problem: base.Problem
  ) -> tuple[arithmetic.Rules, ...]:
    rules = self.rules(problem)
    tame = dataclasses.replace(
      rules, domain="natural", largest=self._largest_token
    )
    return tame, dataclasses.replace(rules, domain="natural"), rules

  def demonstration_shares(self) -> tuple[int, int]:
    return self.config.num_solutions, self.config.num_explorations

  @property
  def _largest_token(self) -> int:
    return max(self.config.largest, self.config.max_target, 9)


def rules(
  target: int, domain: Literal["rational", "integer", "natural"] = "natural"
) -> arithmetic.Rules:
  return arithmetic.Rules(target=target, use_all=False, domain=domain)


def solve(
  numbers: Sequence[int],
  target: int,
  domain: Literal["rational", "integer", "natural"] = "natural",
) -> list[str] | None:
  """A solution with the fewest steps; None if there is none."""
  state = tuple(sorted(numbers))
  return plays.shortest_solution(state, rules(target, domain))


def make_problem(numbers: Sequence[int], target: int) -> base.Problem:
  state = tuple(sorted(numbers))
  return base.Problem(
    id=f"{NAME}/{'-'.join(map(str, state))}={target}",
    task=NAME,
    prompt=f"{arithmetic.format_numbers(state)} = {target} :",
    answer=str(target),
    meta={"numbers": list(state), "target": target},
  )


@functools.cache
def _problems(config: Config) -> tuple[base.Problem, ...]:
  draw = functools.partial(_draw, config)
  return drawing.draw_problems(draw, config.num_problems, config.seed)


def _draw(config: Config, rng: np.random.Generator) -> base.Problem | None:
  """A random problem; None if it has no solution or shows its target."""
  size = rng.integers(config.min_numbers, config.max_numbers + 1)
  drawn = rng.integers(config.smallest, config.largest + 1, size)
  state = tuple(sorted(drawn.tolist()))
  target = int(rng.integers(config.min_target, config.max_target + 1))
  if target in state:
    return None
  if not plays.solvable(state, rules(target, config.domain)):
    return None
  return make_problem(state, target)


def _check(config: Config) -> None:
  ranges = (
    ("min_numbers", FEWEST_NUMBERS, "max_numbers"),
    ("smallest", 1, "largest"),
    ("min_target", 1, "max_target"),
  )
  for low, bound, high in ranges:
    first, last = getattr(config, low), getattr(config, high)
    if not bound <= first <= last:
      raise errors.UserError(
        f"task.{low}: expected {bound} to task.{high} ({last}), got {first}"
      )
  if config.max_numbers > MOST_NUMBERS:
    raise errors.UserError(
      f"task.max_numbers: expected at most {MOST_NUMBERS}, "
      f"got {config.max_numbers}"
    )
  if config.domain not in ("rational", "integer", "natural"):
    raise errors.UserError(
      "task.domain: expected rational, integer or natural, "
      f"got {config.domain!r}"
    )
  number_game.check_shares(config.num_solutions, config.num_explorations)
