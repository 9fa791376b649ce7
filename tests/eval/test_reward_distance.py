"""STARC and EPIC: golden values, and what they have to ignore."""

import numpy as np
import pytest

from prm_jax.eval import reward_distance

G = 0.9
# Two states; the action says where one goes.
MOVES = np.broadcast_to(np.eye(2)[None], (2, 2, 2)).copy()
GOAL = np.zeros((2, 2, 2))
GOAL[:, :, 1] = 1  # 1 for getting to state 1
PHI = np.array([3.0, -1.0])
SHAPING = np.broadcast_to(
  G * PHI[None, None] - PHI[:, None, None], (2, 2, 2)
).copy()


def test_golden_canonical_form():
  policy = np.full((2, 2), 0.5)
  values = reward_distance.value(GOAL, MOVES, policy, G)
  np.testing.assert_allclose(values, [5, 5])
  form = reward_distance.canonical(GOAL, MOVES, G)
  np.testing.assert_allclose(form, [[-0.5, 0.5], [-0.5, 0.5]])
  assert np.linalg.norm(form) == pytest.approx(1)


def test_golden_distances():
  shaped = 2 * (GOAL + SHAPING)
  assert reward_distance.starc(GOAL, shaped, MOVES, G) < 1e-12
  assert reward_distance.starc(GOAL, -GOAL, MOVES, G) == pytest.approx(2)
  one = np.zeros((2, 2, 2))
  one[0, 1, :] = 1  # only for action 1 in state 0
  found = reward_distance.starc(GOAL, one, MOVES, G)
  assert found == pytest.approx(1.34201, abs=5e-6)


def test_a_reward_that_is_all_shaping_is_no_reward():
  zero = np.zeros((2, 2, 2))
  assert reward_distance.starc(SHAPING, zero, MOVES, G) == 0
  assert reward_distance.starc(GOAL, SHAPING, MOVES, G) == pytest.approx(1)
  assert np.isnan(reward_distance.epic(GOAL, SHAPING, G))


def test_redistribution_over_the_next_state_is_ignored():
  rng = np.random.default_rng(0)
  transition = rng.dirichlet(np.ones(3), size=(3, 2))
  reward = rng.normal(size=(3, 2, 3))
  noise = rng.normal(size=(3, 2, 3))
  mean = np.einsum("sat,sat->sa", transition, noise)
  moved = reward + noise - mean[..., None]
  assert reward_distance.starc(reward, moved, transition, 0.7) < 1e-12


def test_epic_by_its_properties():
  rng = np.random.default_rng(1)
  reward, other = rng.normal(size=(2, 3, 2, 3))
  phi = rng.normal(size=3)
  shaped = 3 * reward + G * phi[None, None] - phi[:, None, None]
  assert reward_distance.epic(reward, shaped, G) < 1e-7
  assert reward_distance.epic(reward, -reward, G) == pytest.approx(1)
  found = reward_distance.epic(reward, other, G)
  assert found == pytest.approx(reward_distance.epic(other, reward, G))
  assert 0 < found < 1


def test_epic_by_hand():
  """Without discount and with one action only rewards of (s, s') are left.

  C = R - E[R(s, .)]: (-.5, .5) in both states for the goal, and the opposite
  in state 1 alone for a reward for staying: correlation 0.
  """
  goal, stay = np.zeros((2, 2, 1, 2))
  goal[:, 0, 1] = 1
  stay[0, 0, 0] = stay[1, 0, 1] = 1
  found = reward_distance.epic(goal, stay, 0.0)
  assert found == pytest.approx(np.sqrt(0.5))


def test_discount_one_has_no_value():
  with pytest.raises(ValueError, match="discount"):
    reward_distance.starc(GOAL, GOAL, MOVES, 1.0)
