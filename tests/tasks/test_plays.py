"""Exact search and exact values against brute force."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from prm_jax.tasks import arithmetic, plays

GAME = arithmetic.Rules(target=24, use_all=True)
RULES = [
  GAME,
  arithmetic.Rules(target=7, use_all=True, domain="integer"),
  arithmetic.Rules(target=10, use_all=False, domain="natural"),
  arithmetic.Rules(target=10, use_all=False, domain="rational", largest=20),
]
states = st.lists(st.integers(0, 9), min_size=1, max_size=3).map(
  lambda numbers: tuple(sorted(numbers))
)


def brute_force(state, rules):
  """(fewest moves, V, number of wins, results of all numbers) by trying all.

  Independent of the search: positions, not values, are enumerated, and moves
  that are written alike are told apart by their text alone.
  """
  if rules.target in state and (len(state) == 1 or not rules.use_all):
    return 0, 1.0, 1
  children = {}
  for i, j in itertools.permutations(range(len(state)), 2):
    rest = [n for k, n in enumerate(state) if k not in (i, j)]
    for operator in "+-*/":
      result = arithmetic.apply_operator(state[i], operator, state[j])
      if result is not None and rules.allows(result):
        text = f"{state[i]} {operator} {state[j]}"
        children[text] = brute_force(tuple(sorted([*rest, result])), rules)
  moves = [child[0] for child in children.values() if child[0] is not None]
  value = sum(c[1] for c in children.values()) / max(len(children), 1)
  wins = sum(child[2] for child in children.values())
  return (min(moves) + 1 if moves else None), value, wins


@hypothesis.given(states, st.sampled_from(RULES))
@hypothesis.settings(max_examples=60)
def test_search_against_brute_force(state, rules):
  moves, value, wins = brute_force(state, rules)
  assert plays.fewest_moves(state, rules) == moves
  assert plays.solvable(state, rules) == (moves is not None)
  assert plays.state_value(state, rules) == pytest.approx(value, abs=1e-12)
  solutions = list(plays.solutions(state, rules))
  assert len(solutions) == wins
  assert len({tuple(steps) for steps in solutions}) == wins
  shortest = plays.shortest_solution(state, rules)
  assert (shortest and len(shortest)) == (
    moves or (None if moves is None else [])
  )


@pytest.mark.parametrize("state", [(1, 2, 3, 4), (3, 3, 8, 8), (1, 1, 1, 1)])
@pytest.mark.parametrize("rules", [GAME, RULES[2]])
def test_four_numbers_against_brute_force(state, rules):
  """Four and more numbers are met in the middle."""
  moves, value, _ = brute_force(state, rules)
  assert plays.fewest_moves(state, rules) == moves
  assert plays.state_value(state, rules) == pytest.approx(value, abs=1e-12)


def test_meeting_in_the_middle_finds_every_result():
  """`reaches` of four numbers, zero included, against the full list."""
  for state in [(0, 0, 3, 7), (0, 1, 2, 5), (2, 3, 3, 9)]:
    everything = plays.reachable(state, GAME)
    goals = {*everything, *range(-30, 31)}
    found = {goal for goal in goals if plays.reaches(state, goal, GAME)}
    assert found == everything


def test_value_by_hand():
  """Of the 8 moves of 2 12, `2 * 12` and `12 * 2` win."""
  assert plays.state_value((2, 12), GAME) == 2 / 8
  assert plays.state_value((24,), GAME) == 1.0
  assert plays.state_value((23,), GAME) == 0.0
  # Of 0+24, 24+0, 0-24, 24-0, 0*24, 24*0 and 0/24 three; 24/0 is illegal.
  assert plays.state_value((0, 24), GAME) == 3 / 7


def test_value_by_simulation():
  """Uniform play wins as often as the exact value says (4.5 sigma)."""
  state, rng, num = (2, 3, 4), np.random.default_rng(0), 4000
  value = plays.state_value(state, GAME)
  wins = sum(
    arithmetic.replay(state, plays.random_play(state, GAME, rng), GAME) == (24,)
    for _ in range(num)
  )
  assert 0 < value < 1
  sigma = np.sqrt(value * (1 - value) / num)
  assert abs(wins / num - value) < 4.5 * sigma


def test_value_is_a_martingale():
  for state in [(1, 3, 4, 6), (4, 9, 10, 13)]:
    moves = arithmetic.legal_moves(state, GAME)
    children = [plays.state_value(m.numbers_left, GAME) for m in moves]
    assert plays.state_value(state, GAME) == pytest.approx(np.mean(children))


def test_random_solutions_win_and_differ_when_they_can():
  rng = np.random.default_rng(0)
  state = (4, 9, 10, 13)
  found = plays.random_solutions(state, GAME, rng, 6)
  assert len({tuple(steps) for steps in found}) == 6
  for steps in found:
    assert arithmetic.replay(state, steps, GAME) == (24,)


def test_repeats_fill_up_when_solutions_run_out():
  found = plays.random_solutions((2, 12), GAME, np.random.default_rng(0), 5)
  assert len(found) == 5
  assert {tuple(steps) for steps in found} == {
    ("2 * 12 = 24 | 24",),
    ("12 * 2 = 24 | 24",),
  }


def test_random_plays_cover_all_legal_plays():
  state, rng = (1, 2), np.random.default_rng(0)
  rules = arithmetic.Rules(24, True, "natural")
  played = {tuple(plays.random_play(state, rules, rng)) for _ in range(300)}
  moves = arithmetic.legal_moves(state, rules)
  assert played == {(arithmetic.format_move(move),) for move in moves}
