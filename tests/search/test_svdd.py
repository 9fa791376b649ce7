import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.search import dvts, resampling, svdd
from tests.search import reference, reference_beams, tabular

ALPHA = 0.3


def target():
  """p exp(prm / alpha) / Z over the solutions."""
  law = [s.prob * np.exp(s.scores[-1] / ALPHA) for s in tabular.solutions()]
  return np.array(law) / np.sum(law)


@functools.partial(
  tabular.jit, static_argnames=("alpha", "branch", "num", "rows")
)
def search(params, *, alpha, branch, num, rows):
  return svdd.svdd(
    params,
    tabular.keys(num),
    tabular.root(num, rows),
    tabular.step_fn,
    branch=branch,
    alpha=alpha,
    max_steps=tabular.LENGTH,
  )


def test_soft_value_of_the_root():
  assert reference_beams.soft_value((), ALPHA) == pytest.approx(0.1861378153)


def test_law_of_a_sample():
  """Exactly that of drawing one of the candidates at every step."""
  soft = lambda prefix: reference_beams.soft_value(prefix, ALPHA)
  output = search(tabular.table(soft), alpha=ALPHA, branch=3, num=5000, rows=6)
  counts = np.asarray(output.log_weight) == 0
  assert (counts.reshape(5000, 2, 3).sum(axis=2) == 1).all()
  codes = np.asarray(output.embedding["code"])[counts]
  law = reference_beams.svdd_law(3, ALPHA)
  reference.assert_law(codes, law)
  # Neither the policy nor the limit of many candidates.
  for other in (reference_beams.svdd_law(1, ALPHA), target()):
    with pytest.raises(AssertionError):
      reference.assert_law(codes, other)


def test_the_law_tends_to_the_tilted_policy():
  distance = {
    branch: abs(reference_beams.svdd_law(branch, ALPHA) - target()).sum() / 2
    for branch in (1, 2, 5, 20, 100)
  }
  expected = {1: 0.1512, 2: 0.1102, 5: 0.0617, 20: 0.0197, 100: 0.0042}
  assert distance == pytest.approx(expected, abs=1e-4)


def test_cold_draws_are_the_choices_of_dvts():
  num = 300
  output = search(tabular.table(), alpha=1e-5, branch=3, num=num, rows=6)
  greedy = tabular.jit(
    lambda: dvts.dvts(
      tabular.table(),
      tabular.keys(num),
      tabular.root(num, 6),
      tabular.step_fn,
      num_groups=2,
      branch=3,
      max_steps=tabular.LENGTH,
    )
  )()
  # DVTS leaves a solution where it is, and SVDD picks among the last ones.
  best = lambda output: np.where(
    np.isneginf(output.log_weight), -np.inf, output.score
  ).max(axis=1)
  np.testing.assert_allclose(best(output), best(greedy))
  assert len(np.unique(best(output))) > 2


@pytest.mark.parametrize("resample", [None, resampling.multinomial])
def test_trace_on_scripted_uniforms(resample):
  num, groups, branch = 100, 3, 2
  rng = np.random.default_rng(0)
  script = rng.random((num, tabular.LENGTH, groups * branch))
  script = script.astype(np.float32)

  def drawn(key):
    """The documented keys of blocks and of their resampling."""

    def at(step):
      key_t = jax.random.fold_in(jax.random.fold_in(key, step), 2**31 - 1)
      own = lambda block: jax.random.uniform(
        jax.random.fold_in(key_t, block), (1,)
      )[0]
      shared = jax.random.fold_in(key_t, groups)
      return (
        jax.vmap(own)(jnp.arange(groups)),
        jax.random.uniform(shared, (groups,)),
      )

    return jax.vmap(at)(jnp.arange(tabular.LENGTH))

  @tabular.jit
  def run():
    keys = tabular.keys(num)
    output = svdd.svdd(
      (tabular.table(), jnp.asarray(script)),
      keys,
      tabular.root(num, groups * branch),
      tabular.scripted_step_fn,
      branch=branch,
      alpha=ALPHA,
      max_steps=tabular.LENGTH,
      resample=resample,
    )
    return output, jax.vmap(drawn)(keys)

  output, (draws, shared) = jax.device_get(run())
  for n in range(num):
    expected = reference_beams.svdd_trace(
      script[n],
      draws[n],
      branch,
      ALPHA,
      None if resample is None else shared[n],
    )
    counts = output.log_weight[n] == 0
    np.testing.assert_array_equal(
      output.embedding["code"][n][counts],
      [tabular.encode(row) for row in expected],
    )
    best = max(expected, key=tabular.prm)
    chosen = output.embedding["code"][n, output.chosen[n]]
    assert chosen == tabular.encode(best)


def test_values():
  scores = jnp.array([0.0, 0.5, 0.8, 1.0])
  np.testing.assert_array_equal(svdd.value_by_name("score")(scores), scores)
  got = svdd.value_by_name("log")(scores)
  np.testing.assert_allclose(got[1:], np.log([0.5, 0.8, 1]), rtol=1e-6)
  got = svdd.value_by_name("logit")(scores)
  np.testing.assert_allclose(got[1:3], [0, np.log(4)], rtol=1e-6)
  assert np.isfinite(got).all()
  np.testing.assert_allclose(got[0], -got[3], rtol=1e-6)
  with pytest.raises(errors.UserError, match="value"):
    svdd.value_by_name("odds")


@pytest.mark.parametrize(
  ("options", "match"),
  [({"branch": 3}, "4 rows.*3"), ({"branch": 2, "alpha": 0.0}, "alpha")],
)
def test_mistakes_of_callers(options, match):
  with pytest.raises(ValueError, match=match):
    svdd.svdd(
      tabular.table(),
      tabular.keys(1),
      tabular.root(1, 4),
      tabular.step_fn,
      max_steps=4,
      **options,
    )
