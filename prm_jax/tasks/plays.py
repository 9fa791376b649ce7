"""What can be reached from a state: exact search, values and random plays."""

import functools
import itertools
from collections.abc import Iterator

import numpy as np

from prm_jax.tasks import arithmetic
from prm_jax.tasks.arithmetic import Number, Rules, State

# The goal is met in the middle: by the results of the larger part where it
# has up to this many numbers, which many questions share, else by asking on.
_LISTED = 3
# Solutions drawn for each one asked for, in search of different ones.
_TRIES = 3


@functools.lru_cache(maxsize=1 << 17)
def reachable(state: State, rules: Rules) -> frozenset[Number]:
  """All results of expressions that use every number of the state once."""
  if len(state) == 1:
    return frozenset(state)
  results = set()
  for part, rest in _splits(state):
    lefts, rights = reachable(part, rules), reachable(rest, rules)
    for left, right in itertools.product(lefts, rights):
      for first, second in ((left, right), (right, left)):
        for operator in arithmetic.OPERATORS:
          result = arithmetic.apply_operator(first, operator, second)
          if result is not None and rules.allows(result):
            results.add(result)
  return frozenset(results)


@functools.lru_cache(maxsize=1 << 17)
def reaches(state: State, goal: Number, rules: Rules) -> bool:
  """Whether some expression of all numbers of the state equals the goal."""
  if len(state) <= 2:
    return goal in reachable(state, rules)
  if not rules.allows(goal):
    return False
  for part, rest in _splits(state):
    for left in reachable(part, rules):
      partners = _partners(left, goal, rest, rules)
      if len(rest) <= _LISTED:
        if not partners.isdisjoint(reachable(rest, rules)):
          return True
      elif any(reaches(rest, partner, rules) for partner in partners):
        return True
  return False


@functools.lru_cache(maxsize=1 << 17)
def fewest_moves(state: State, rules: Rules) -> int | None:
  """Moves of the shortest win from here; None if there is no win."""
  if rules.won(state):
    return 0
  sizes = [len(state)] if rules.use_all else range(2, len(state) + 1)
  for size in sizes:
    subsets = sorted(set(itertools.combinations(state, size)))
    if any(reaches(subset, rules.target, rules) for subset in subsets):
      return size - 1
  return None


def solvable(state: State, rules: Rules) -> bool:
  return fewest_moves(state, rules) is not None


@functools.lru_cache(maxsize=1 << 18)
def state_value(state: State, rules: Rules) -> float:
  """P(win) of the policy that takes each legal step with equal chance.

  Legal steps that are written alike count once, `a + b` and `b + a` count as
  two; a state without legal steps that is no win is worth 0.
  """
  if rules.won(state):
    return 1.0
  moves = arithmetic.legal_moves(state, rules)
  if not moves or not solvable(state, rules):
    return 0.0
  total = sum(state_value(move.numbers_left, rules) for move in moves)
  return total / len(moves)


def solutions(state: State, rules: Rules) -> Iterator[list[str]]:
  """Every way to write a win, as step texts; countless for six numbers."""
  if rules.won(state):
    yield []
    return
  for move in winning_moves(state, rules):
    step = arithmetic.format_move(move)
    for rest in solutions(move.numbers_left, rules):
      yield [step, *rest]


def shortest_solution(state: State, rules: Rules) -> list[str] | None:
  """A win in the fewest steps, always the same one; None without a win."""
  num_moves = fewest_moves(state, rules)
  if num_moves is None:
    return None
  steps = []
  while num_moves:
    num_moves -= 1
    move = next(
      move
      for move in arithmetic.legal_moves(state, rules)
      if fewest_moves(move.numbers_left, rules) == num_moves
    )
    steps.append(arithmetic.format_move(move))
    state = move.numbers_left
  return steps


@functools.lru_cache(maxsize=1 << 16)
def winning_moves(state: State, rules: Rules) -> tuple[arithmetic.Move, ...]:
  """Legal moves that keep a win in reach."""
  moves = arithmetic.legal_moves(state, rules)
  return tuple(move for move in moves if solvable(move.numbers_left, rules))


def random_solution(
  state: State, rules: Rules, rng: np.random.Generator
) -> list[str]:
  """A win by random winning moves; none from a state that is not solvable."""
  steps = []
  while moves := winning_moves(state, rules):
    move = moves[rng.integers(len(moves))]
    steps.append(arithmetic.format_move(move))
    state = move.numbers_left
  return steps


def random_solutions(
  state: State, rules: Rules, rng: np.random.Generator, num: int
) -> list[list[str]]:
  """`num` random wins; repeats come only after all different ones found."""
  drawn = [random_solution(state, rules, rng) for _ in range(_TRIES * num)]
  different = [list(steps) for steps in dict.fromkeys(map(tuple, drawn))]
  return (different + drawn)[:num]


def random_play(
  state: State, rules: Rules, rng: np.random.Generator
) -> list[str]:
  """Uniformly random legal steps until a win or until none is left."""
  steps = []
  while moves := arithmetic.legal_moves(state, rules):
    move = moves[rng.integers(len(moves))]
    steps.append(arithmetic.format_move(move))
    state = move.numbers_left
  return steps


def _splits(state: State) -> set[tuple[State, State]]:
  """Distinct ways to part the state in two, the smaller part first."""
  splits = set()
  for size in range(1, len(state) // 2 + 1):
    for part in set(itertools.combinations(state, size)):
      rest = arithmetic.take(state, *part)
      if rest is not None:
        splits.add((part, rest))
  return splits


def _partners(
  left: Number, goal: Number, rest: State, rules: Rules
) -> set[Number]:
  """What `rest` may amount to, for one operation with `left` to give goal."""
  partners = {goal - left, goal + left, left - goal}
  if left == 0:
    # 0 * x is 0 whatever x is; some x can always be made.
    return partners | (set(reachable(rest, rules)) if goal == 0 else set())
  for numerator, denominator in ((goal, left), (left, goal)):
    ratio = arithmetic.apply_operator(numerator, "/", denominator)
    if ratio is not None:
      partners.add(ratio)
  product = arithmetic.apply_operator(goal, "*", left)
  return partners if product is None else partners | {product}
