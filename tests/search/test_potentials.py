import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.search import potentials


def test_potentials():
  score, previous = jnp.array([0.8, 0.5]), jnp.array([0.4, 1.0])
  values = {
    "last": np.log([0.8, 0.5]),
    "odds": [np.log(4), 0],
    "difference": np.log([2, 0.5]),
    "exponential": [0.8, 0.5],
  }
  assert values.keys() == potentials.POTENTIALS.keys()
  for name, expected in values.items():
    np.testing.assert_allclose(
      potentials.by_name(name)(score, previous), expected, atol=1e-6
    )
  certain = jnp.array([0.0, 1.0])
  assert np.isfinite(potentials.odds(certain, certain)).all()
  assert np.isfinite(potentials.difference(certain, certain)).all()
  np.testing.assert_array_equal(potentials.last(certain, certain), [-np.inf, 0])
  with pytest.raises(errors.UserError, match=r"logit.*last, odds"):
    potentials.by_name("logit")
