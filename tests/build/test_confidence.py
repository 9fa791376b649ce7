"""Confidence near known places: by hand, and through a file."""

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.build import confidence

BANK = confidence.Bank(
  features=np.array([[0.0], [1.0], [5.0]], np.float32),
  predicted=np.array([1, 1, 0], np.int32),
  is_hit=np.array([True, True, True]),
  distance=np.array([0.1, 0.3, 0.5, 2.0], np.float32),
  label=np.array([1, 1, 1, 0], np.int32),
)


def logit(p):
  return np.log(p / (1 - p))


def test_by_hand():
  """Two neighbours agree, one of three held-out distances is smaller."""
  score = jnp.array([0.8, 0.8, 0.3])
  features = jnp.array([[0.2], [40.0], [4.0]])
  found = np.asarray(confidence.of_bank(features, score, BANK))
  q, d = 2, 1 - 1 / 3
  want = 1 / (1 + np.exp(-np.log(2 + q) * d * logit(0.8)))
  assert found[0] == pytest.approx(want, rel=1e-5)
  assert found[1] == 0.5  # farther than whatever was held out
  near = 1 / (1 + np.exp(-np.log(2 + 1) * 1 * logit(0.3)))
  assert found[2] == pytest.approx(near, rel=1e-5)


def test_a_file_of_arrays(tmp_path):
  path = tmp_path / confidence.FILE
  confidence.write(path, BANK)
  for ours, theirs in zip(BANK, confidence.read(path), strict=True):
    np.testing.assert_array_equal(ours, theirs)
  path.write_bytes(b"PK no")
  with pytest.raises(errors.UserError, match="bank: "):
    confidence.read(path)
