"""The filter, row by row, against plain Python on the same uniforms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import potentials, resampling
from tests.search import reference, tabular, test_particle

TRACES = [
  ("always", "multinomial", "odds"),
  ("always", "residual", "difference"),
  ("ess", "systematic", "last"),
  ("ess", "stratified", "odds"),
]


@pytest.mark.parametrize(("resample", "scheme", "potential"), TRACES)
def test_trace_on_scripted_uniforms(resample, scheme, potential):
  """Row by row what the listing gives, and the documented selection keys."""
  num, rows = 60, 6
  rng = np.random.default_rng(0)
  script = rng.random((num, tabular.LENGTH, rows)).astype(np.float32)
  output = jax.device_get(
    test_particle.run(
      (tabular.table(), jnp.asarray(script)),
      rows=rows,
      num=num,
      step_fn=tabular.scripted_step_fn,
      resample=resample,
      scheme=resampling.by_name(scheme),
      potential=potentials.by_name(potential),
    )
  )
  steps = jnp.arange(tabular.LENGTH)

  @tabular.jit
  @jax.vmap
  def drawn(key):
    fold = lambda step: jax.random.fold_in(
      jax.random.fold_in(key, step), 2**31 - 1
    )
    return jax.vmap(lambda step: jax.random.uniform(fold(step), (rows,)))(steps)

  draws = np.asarray(drawn(tabular.keys(num)))
  threshold = {"always": np.inf, "ess": rows / 2, "never": 0}[resample]
  for n in range(num):
    expected, weights, evidence, sizes, ancestors = reference.particle_trace(
      script[n], draws[n], threshold, scheme, potential
    )
    np.testing.assert_array_equal(
      output.embedding["code"][n], [tabular.encode(row) for row in expected]
    )
    np.testing.assert_allclose(output.log_weight[n], weights, atol=1e-4)
    np.testing.assert_allclose(output.log_evidence[n], evidence, atol=1e-4)
    np.testing.assert_allclose(
      output.ess[n], sizes + [0] * (tabular.LENGTH - len(sizes)), rtol=1e-4
    )
    for step, parents in enumerate(ancestors):
      np.testing.assert_array_equal(output.ancestors[n, step], parents)
