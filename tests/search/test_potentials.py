import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.search import aggregate, base, loop, potentials


def step_of(score, previous, wrote=True):
  """One problem's step with these scores; potentials look at no more."""
  shape = (1, len(score))
  rows = jnp.zeros(shape)
  output = base.StepOutput(
    *(jnp.array([score]), rows, rows, rows, rows, rows, rows[0], rows[0], rows)
  )
  return loop.Step(
    number=jnp.zeros(1, jnp.int32),
    output=output,
    wrote=jnp.full(shape, wrote),
    previous_score=jnp.array([previous]),
    ready=jnp.ones(1, bool),
    more=jnp.ones(1, bool),
    embedding=None,
  )


def values(name, *args, **options):
  none = jnp.zeros((1, 2))
  rows = loop.Rows(none[..., None], none, none, none, none, none)
  return potentials.by_name(name)(rows, step_of(*args, **options))[0]


def test_potentials():
  scores = [0.8, 0.5], [0.4, 1.0]
  expected = {
    "last": np.log([0.8, 0.5]),
    "odds": [np.log(4), 0],
    "difference": np.log([2, 0.5]),
    "exponential": [0.8, 0.5],
    "unit": [0, 0],
  }
  assert expected.keys() == potentials.POTENTIALS.keys()
  for name, gains in expected.items():
    np.testing.assert_allclose(values(name, *scores), gains, atol=1e-6)
    np.testing.assert_array_equal(values(name, *scores, wrote=False), 0)


def test_certain_scores_stay_finite():
  certain = [0.0, 1.0], [0.0, 1.0]
  bound = np.log(1 / aggregate.CLIP - 1)
  np.testing.assert_allclose(
    values("odds", *certain), [-bound, bound], rtol=1e-6
  )
  assert np.isfinite(values("difference", *certain)).all()
  np.testing.assert_array_equal(values("last", *certain), [-np.inf, 0])


def test_an_unknown_name():
  with pytest.raises(errors.UserError, match=r"logit.*last, odds"):
    potentials.by_name("logit")
