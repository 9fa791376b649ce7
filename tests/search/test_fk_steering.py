import functools
import math

import jax
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.search import fk_steering, particle
from tests.search import reference_particles, tabular

NAMES = list(fk_steering.POTENTIALS)
RUNS = 5000
# Target p * exp(2 r(y)).
NORMALISER, EXPECTATION = 1.4048275656, 0.1967314397


@tabular.jit
def steer_any(table, seed, potential, threshold):
  """Every potential in one program."""

  def any_potential(rows, step):
    choices = [
      functools.partial(fk_steering.by_name(name), strength=2.0)
      for name in NAMES
    ]
    return jax.lax.switch(potential, choices, rows, step)

  return particle.particle_filter(
    table,
    tabular.keys(RUNS, seed),
    tabular.root(RUNS, 8),
    tabular.step_fn,
    max_steps=tabular.LENGTH,
    potential=any_potential,
    ess_threshold=threshold,
    root_score=0.0,
  )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("threshold", [2.0, 0.5])
def test_all_potentials_have_the_same_target(name, threshold):
  index = NAMES.index(name)
  output = steer_any(tabular.table(), index, index, threshold)
  reference_particles.assert_unbiased(output, NORMALISER, EXPECTATION)
  # prod G = exp(2 r_T) of every solution: nothing is resampled in between.
  plain = steer_any(tabular.table(), index, index, -1.0)
  np.testing.assert_allclose(
    plain.log_weight, 2 * np.asarray(plain.score), atol=1e-5
  )


def test_sums_have_the_heaviest_ends():
  """As published: difference is steadier than max, max than sum."""
  spread = {
    name: float(
      np.std(
        np.exp(
          steer_any(tabular.table(), 0, NAMES.index(name), 2.0).log_evidence
        )
      )
    )
    for name in ("difference", "max", "sum")
  }
  assert spread["difference"] < spread["max"] < spread["sum"]


@pytest.mark.parametrize("name", ["difference", "max", "sum", "reward"])
def test_trace_on_scripted_uniforms(name):
  limits = particle.Limits(every=2)
  method = functools.partial(
    fk_steering.fk_steering,
    strength=2.0,
    potential=name,
    ess_threshold=0.9,
    limits=limits,
  )
  output, script = reference_particles.scripted(method)
  reference_particles.assert_trace(
    output,
    script,
    6,
    gain=reference_particles.fk_gain(name, 2.0),
    threshold=0.9 * 6,
    allowed=lambda step, times: step % 2 == 1,
  )
  moved = (output.ancestors != np.arange(6)).any(axis=(0, 2))
  np.testing.assert_array_equal(moved, [False, True, False, False])


@pytest.mark.parametrize("name", ["difference", "max"])
def test_a_row_whose_score_is_nan_is_given_up(name):
  """Prefixes that begin with 0 fail; they weigh nothing, nothing is NaN."""
  table = tabular.table(
    lambda prefix: math.nan if prefix[0] == 0 else tabular.prm(prefix)
  )
  normaliser, law = reference_particles.posterior(
    lambda s: math.exp(2 * s.scores[-1]) * (s.tokens[0] != 0)
  )
  expectation = law @ [s.correct for s in tabular.solutions()]
  output = steer_any(table, 0, NAMES.index(name), 0.5)
  reference_particles.assert_unbiased(output, normaliser, expectation)
  best = np.take_along_axis(
    np.asarray(output.embedding["tokens"]),
    np.asarray(output.chosen)[:, None, None],
    axis=1,
  )
  lost = np.isneginf(np.asarray(output.log_evidence))
  assert 0 < lost.mean() < 0.05
  assert (best[~lost, 0, 0] != 0).all()
  assert not np.isnan(output.log_weight).any()


def test_an_unknown_name():
  with pytest.raises(errors.UserError, match=r"potential: unknown.*'diff'"):
    fk_steering.by_name("diff")
