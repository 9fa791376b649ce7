import functools

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.search import entropic, particle
from tests.search import reference, reference_particles, tabular

RUNS = 5000


@functools.partial(tabular.jit, static_argnames=("rows", "method"))
def search(rows, method):
  return method(
    tabular.table(),
    tabular.keys(RUNS),
    tabular.root(RUNS, rows),
    tabular.step_fn,
    max_steps=tabular.LENGTH,
  )


@pytest.mark.parametrize("anneal", entropic.TEMPERATURES)
@pytest.mark.parametrize("correct_weights", [True, False])
def test_trace_on_scripted_uniforms(anneal, correct_weights):
  method = functools.partial(
    entropic.entropic_particle_filter,
    anneal=anneal,
    correct_weights=correct_weights,
  )
  output, script = reference_particles.scripted(method)
  reference_particles.assert_trace(
    output,
    script,
    6,
    gain=reference_particles.odds_gain,
    temperature=functools.partial(
      reference_particles.entropic_temperature, anneal
    ),
    keep=correct_weights,
  )


def test_corrected_weights_keep_the_target_and_others_do_not():
  """Target p * prod odds; everything is annealed to make the bias show."""
  flat = functools.partial(
    entropic.entropic_particle_filter,
    anneal="base",
    size_threshold=2.0,
    progress_threshold=2.0,
  )
  output = search(8, functools.partial(flat, correct_weights=True))
  reference_particles.assert_unbiased(output, 2.5568931876, 0.3001676783)
  output = search(8, flat)
  evidence = np.exp(np.asarray(output.log_evidence))
  error = evidence.mean() - 2.5568931876
  assert abs(error) > 7 * evidence.std() / np.sqrt(RUNS)


def test_thresholds_of_zero_are_the_plain_filter():
  entropic_rows = search(
    4,
    functools.partial(
      entropic.entropic_particle_filter,
      size_threshold=0.0,
      progress_threshold=0.0,
    ),
  )
  plain = search(
    4, functools.partial(particle.particle_filter, resample="always")
  )
  for field in ("ancestors", "log_weight", "log_evidence", "chosen"):
    np.testing.assert_allclose(
      getattr(entropic_rows, field), getattr(plain, field), atol=1e-5
    )


def test_temperatures():
  log_weight = jnp.log(jnp.array([[[0.97, 0.01, 0.01, 0.01]]]))
  weights = np.array([0.97, 0.01, 0.01, 0.01])
  for anneal in entropic.TEMPERATURES:
    found = entropic.temperature(log_weight, jnp.array([[0.25]]), anneal=anneal)
    expected = reference_particles.entropic_temperature(anneal, weights, 0.25)
    np.testing.assert_allclose(found, [[expected]], rtol=1e-5)
    assert expected > 1.5
    late = entropic.temperature(log_weight, jnp.array([[0.5]]), anneal=anneal)
    np.testing.assert_array_equal(late, [[1]])
    even = entropic.temperature(
      jnp.zeros((1, 1, 4)), jnp.array([[0.25]]), anneal=anneal
    )
    np.testing.assert_array_equal(even, [[1]])
    none = entropic.temperature(
      jnp.full((1, 1, 4), -jnp.inf), jnp.array([[0.25]]), anneal=anneal
    )
    assert np.isfinite(none).all()
  with pytest.raises(errors.UserError, match="anneal: unknown rule 'size'"):
    entropic.anneal_by_name("size")


def test_constant_scores_leave_plain_samples():
  """All weights are equal: nothing is flattened, nobody moves."""
  output = tabular.jit(
    lambda: entropic.entropic_particle_filter(
      tabular.table(lambda prefix: 0.5),
      tabular.keys(RUNS),
      tabular.root(RUNS, 4),
      tabular.step_fn,
      max_steps=tabular.LENGTH,
    )
  )()
  prob = np.array([s.prob for s in tabular.solutions()])
  reference.assert_law(np.asarray(output.embedding["code"])[:, 0], prob)
  np.testing.assert_array_equal(output.log_evidence, 0)
