"""Game of 24: four numbers 1..13, each used once with + - * /, make 24.

The format of a step and the puzzles follow arXiv:2305.10601; the puzzles are
all solvable multisets, found by exact search (some need fractions).
"""

import collections
import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence

from prm_jax import errors
from prm_jax.tasks import arithmetic, base, number_game, plays, puzzle_files
from prm_jax.tasks.arithmetic import Number, State
from prm_jax.text import tokenizer as tokenizer_lib

NAME = "game24"
NUM_NUMBERS = 4
SMALLEST, LARGEST = 1, 13
MAX_STEPS = 3
# The longest that demonstrations hold: `2 - 2/13 = 24/13 | 24/13 13` and `;`.
MAX_STEP_TOKENS = 18
LARGEST_TOKEN = 199

RULES = arithmetic.Rules(target=24, use_all=True)
# Kinds of solutions to learn from, the first that a puzzle has is taken.
_TIERS = (
  dataclasses.replace(RULES, domain="natural", largest=LARGEST_TOKEN),
  dataclasses.replace(RULES, domain="integer", largest=LARGEST_TOKEN),
  RULES,
)


@dataclasses.dataclass(frozen=True)
class Config:
  """What a user can set.

  Attributes:
    problems: file of puzzles that replaces the test split, or "".
    exclude: file of puzzles kept out of train and validation, or "".
    num_solutions: share of solutions among the demonstrations.
    num_explorations: share of random legal plays among the demonstrations.
  """

  problems: str = ""
  exclude: str = ""
  num_solutions: int = 1
  num_explorations: int = 1


@functools.cache
def solvable_puzzles() -> tuple[tuple[int, ...], ...]:
  """All 1,362 solvable multisets of four numbers 1..13, in order."""
  numbers = range(SMALLEST, LARGEST + 1)
  states = itertools.combinations_with_replacement(numbers, NUM_NUMBERS)
  return tuple(state for state in states if solvable(state))


def solvable(numbers: Sequence[Number]) -> bool:
  return plays.solvable(tuple(sorted(numbers)), RULES)


def state_value(numbers: Sequence[Number]) -> float:
  """P(24) of uniformly random legal steps from these numbers."""
  return plays.state_value(tuple(sorted(numbers)), RULES)


@functools.lru_cache(maxsize=2048)
def enumerate_solutions(numbers: State) -> tuple[tuple[str, ...], ...]:
  """Every correct solution of the puzzle, as step texts."""
  found = plays.solutions(tuple(sorted(numbers)), RULES)
  return tuple(tuple(steps) for steps in found)


class Game24(number_game.NumberGame):
  """The task; see `Config`."""

  name = NAME
  max_steps = NUM_NUMBERS - 1
  max_step_tokens = MAX_STEP_TOKENS

  def __init__(self, config: Config = Config()):
    number_game.check_shares(config.num_solutions, config.num_explorations)
    self.config = config
    self._own = _puzzles(config.problems, "task.problems")
    for numbers, count in collections.Counter(self._own).items():
      if count > 1:
        raise errors.UserError(
          f"{config.problems}: field task.problems: puzzle "
          f"{arithmetic.format_numbers(numbers)} stands there {count} times"
        )
    excluded = _puzzles(config.exclude, "task.exclude")
    self._kept_out = {*self._own, *excluded}

  def tokenizer(self) -> tokenizer_lib.Tokenizer:
    return tokenizer_lib.number_tokenizer(LARGEST_TOKEN)

  def problems(self, split: base.Split) -> Iterator[base.Problem]:
    """Puzzles in an order that does not go by size."""
    if self._own and split == "test":
      yield from map(make_problem, self._own)
      return
    for problem in _hashed_puzzles():
      if base.hash_split(problem.id) != split:
        continue
      if split == "test" or self.start(problem) not in self._kept_out:
        yield problem

  def rules(self, problem: base.Problem) -> arithmetic.Rules:
    return RULES

  def demonstration_rules(
    self, problem: base.Problem
  ) -> tuple[arithmetic.Rules, ...]:
    return _TIERS

  def demonstration_shares(self) -> tuple[int, int]:
    return self.config.num_solutions, self.config.num_explorations


def make_problem(numbers: Sequence[int]) -> base.Problem:
  state = tuple(sorted(numbers))
  return base.Problem(
    id=f"{NAME}/{'-'.join(map(str, state))}",
    task=NAME,
    prompt=f"{arithmetic.format_numbers(state)} :",
    answer=str(RULES.target),
    meta={"numbers": list(state)},
  )


def _puzzles(path: str, field: str) -> list[tuple[int, ...]]:
  if not path:
    return []
  return puzzle_files.read_puzzles(path, field, NUM_NUMBERS, SMALLEST, LARGEST)


@functools.cache
def _hashed_puzzles() -> tuple[base.Problem, ...]:
  problems = (make_problem(numbers) for numbers in solvable_puzzles())
  return tuple(sorted(problems, key=lambda p: base.hash_key(p.id)))
