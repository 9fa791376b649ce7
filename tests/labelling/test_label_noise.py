"""Error rates of completions on the chain, and corrections that undo them."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import label_noise
from prm_jax.tasks import chain
from tests.labelling import chains


def test_rates_of_the_chain_fall_and_rise_with_the_completer():
  bad, ok = chain.state_values(chains.TASK.config)[2]
  assert label_noise.missed(ok, 8) == pytest.approx((1 - 0.8335) ** 8)
  assert label_noise.lucky(bad, 8) == pytest.approx(1 - (1 - 0.18325) ** 8)
  num = [1, 4, 16]
  assert np.all(np.diff([label_noise.missed(ok, n) for n in num]) < 0)
  assert np.all(np.diff([label_noise.lucky(bad, n) for n in num]) > 0)


def test_backward_correction_is_unbiased():
  matrix = label_noise.transition(0.2, 0.3)
  losses = np.array([[0.7, 2.0], [1.5, 0.1]])
  corrected = label_noise.corrected_losses(losses, matrix)
  # Over the noise, the corrected losses of each true class are the losses.
  np.testing.assert_allclose(corrected @ matrix.T, losses)


def test_forward_correction_has_the_true_law_as_its_minimum():
  matrix = label_noise.transition(0.2, 0.3)
  true = np.array([0.35, 0.65])
  observed = label_noise.observed_law(true, matrix)
  grid = np.linspace(0.01, 0.99, 99)
  law = label_noise.observed_law(np.stack([1 - grid, grid], 1), matrix)
  cross_entropy = -(np.log(law) @ observed)
  assert grid[cross_entropy.argmin()] == pytest.approx(0.65)
  assert label_noise.prior_of(observed[1], matrix) == pytest.approx(0.65)
  assert observed.sum() == pytest.approx(1)


def test_probabilities_of_a_file():
  """Steps drawn at known rates: the posterior is the share of right ones."""
  rng = np.random.default_rng(0)
  num, miss, luck = 40_000, 0.2, 0.4
  right = rng.random(num) < 0.7
  hard = np.where(right, rng.random(num) >= miss, rng.random(num) < luck)
  label = chains.label(
    [0] * num, [0] * num, hard=tuple(hard.astype(int).tolist())
  )
  config = label_noise.Config(missed=miss, lucky=luck)
  found = label_noise.relabel([label], config)
  assert found.told["prior"] == pytest.approx(0.7, abs=0.03)
  soft = np.array(found.labels[0].soft)
  for kind in (False, True):
    share = right[hard == kind].mean()
    assert soft[hard == kind].mean() == pytest.approx(share, abs=0.03)


def test_a_perfect_completer_changes_nothing():
  label = chains.label([3, 0, 0], [8, 8, 0])
  config = label_noise.Config(missed=0.0, lucky=0.0)
  (found,) = label_noise.relabel([label], config).labels
  assert found.soft == (1.0, 0.0, None)
  assert found.n_correct == label.n_correct


def test_mistakes():
  with pytest.raises(errors.UserError, match=r"method\.missed: 2"):
    label_noise.Config(missed=2.0)
  with pytest.raises(errors.UserError, match="say nothing"):
    label_noise.Config(missed=0.5, lucky=0.5)
  with pytest.raises(errors.UserError, match="no step of any record"):
    label_noise.relabel([chains.label([0], [0])], label_noise.Config())
