"""The sampler's law by enumeration; what a uniform draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.decode import sampling
from prm_jax.decode.sampling import SamplerConfig

RNG = np.random.default_rng(0)
# Random laws, one with equal logits, one with an overwhelming token.
LOGITS = np.concatenate([
  RNG.normal(0, 2, (6, 9)), np.zeros((1, 9)), [[0] * 4 + [60] + [0] * 4],
]).astype(np.float32)  # fmt: skip
LAST = np.float32(1 - 2**-24)  # the largest that a uniform can be

CONFIGS = [
  SamplerConfig(),
  SamplerConfig(temperature=0.5),
  SamplerConfig(temperature=3.0),
  SamplerConfig(top_k=1),
  SamplerConfig(top_k=4),
  SamplerConfig(top_k=50),
  SamplerConfig(top_p=0.6),
  SamplerConfig(top_p=1e-6),
  SamplerConfig(min_p=0.2),
  SamplerConfig(min_p=1.0),
  SamplerConfig(temperature=1.5, top_k=5, top_p=0.8, min_p=0.1),
]


def softmax(x):
  share = np.exp(x - x.max())
  return share / share.sum()


def law(logits, c):
  """One law by hand, token by token in the order of the filters."""
  if c.temperature == 0:
    return np.eye(len(logits))[np.argmax(logits)]
  x = logits.astype(np.float64) / c.temperature
  order = sorted(range(len(x)), key=lambda i: (-x[i], i))
  kept = set(order)
  if c.top_k:
    worst = x[order[min(c.top_k, len(x)) - 1]]
    kept = {i for i in order if x[i] >= worst}
  share = softmax(np.where([i in kept for i in range(len(x))], x, -np.inf))
  ahead, nucleus = 0.0, set()
  for i in order:
    if c.top_p == 1 or ahead < c.top_p:
      nucleus.add(i)
    ahead += share[i]
  kept = {i for i in kept & nucleus if share[i] >= c.min_p * share.max()}
  return softmax(np.where([i in kept for i in range(len(x))], x, -np.inf))


@pytest.mark.parametrize("config", [*CONFIGS, SamplerConfig(temperature=0.0)])
def test_law_is_the_one_enumerated(config):
  got = np.exp(sampling.log_law(jnp.asarray(LOGITS), config))
  want = np.stack([law(row, config) for row in LOGITS])
  np.testing.assert_allclose(got, want, atol=1e-6)
  assert np.array_equal(got > 0, want > 1e-37)  # float32 ends there
  assert np.all((got > 0).any(axis=-1))


@pytest.mark.parametrize("config", CONFIGS)
def test_a_grid_of_uniforms_draws_the_law(config):
  """Each token is drawn by its share of the grid, to one point per token."""
  size = 4000
  grid = (np.arange(size, dtype=np.float32) + 0.5) / size
  tokens, log_prob, log_ratio = sampling.sample(
    jnp.asarray(LOGITS)[:, None], jnp.tile(grid, (len(LOGITS), 1)), config
  )
  for row, logits in enumerate(LOGITS):
    want, own = law(logits, config), softmax(logits.astype(np.float64))
    drawn = np.asarray(tokens[row])
    share = np.bincount(drawn, minlength=len(logits)) / size
    np.testing.assert_allclose(share, want, atol=1.01 / size)
    np.testing.assert_allclose(log_prob[row], np.log(want[drawn]), atol=1e-5)
    np.testing.assert_allclose(
      log_ratio[row], np.log(own[drawn] / want[drawn]), atol=1e-5
    )


def test_a_long_vocabulary_is_drawn_from_in_order():
  """Blocks without mass among them; shares to one point of the grid."""
  rng = np.random.default_rng(2)
  logits = rng.normal(0, 2, 1000).astype(np.float32)
  logits[200:500] = -np.inf
  size = 20_000
  grid = (jnp.arange(size) + 0.5) / size
  log_q = sampling.log_law(jnp.asarray(logits), SamplerConfig())
  drawn = np.asarray(sampling.draw(jnp.broadcast_to(log_q, (size, 1000)), grid))
  assert np.all(np.diff(drawn) >= 0)
  share = np.bincount(drawn, minlength=1000) / size
  np.testing.assert_allclose(share, softmax(logits), atol=1.1 / size)


def test_temperature_0_takes_the_likeliest_and_the_first_of_equals():
  logits = jnp.asarray(LOGITS)
  for uniform in (0.0, 0.5, LAST):
    tokens, log_prob, log_ratio = sampling.sample(
      logits, jnp.full(len(logits), uniform), SamplerConfig(temperature=0.0)
    )
    np.testing.assert_array_equal(tokens, np.argmax(LOGITS, axis=-1))
    np.testing.assert_array_equal(log_prob, 0)
    best = jax.nn.log_softmax(logits).max(axis=-1)
    np.testing.assert_allclose(log_ratio, best, rtol=1e-6)


def test_filters_that_filter_nothing_leave_the_policy():
  own = jax.nn.log_softmax(jnp.asarray(LOGITS))
  for config in (
    SamplerConfig(), SamplerConfig(top_k=9), SamplerConfig(top_k=99),
    SamplerConfig(min_p=1e-30),
  ):  # fmt: skip
    np.testing.assert_allclose(
      sampling.log_law(jnp.asarray(LOGITS), config), own, atol=1e-6
    )
  assert SamplerConfig().is_policy
  assert not SamplerConfig(temperature=0.9).is_policy


def test_no_token_without_mass_is_drawn():
  """Whole vocabularies, at the ends and at every edge between two tokens."""
  rng = np.random.default_rng(1)
  logits = jnp.asarray(rng.normal(0, 3, (64, 233)), jnp.float32)
  log_q = sampling.log_law(logits, SamplerConfig(top_k=40))
  probs = np.exp(log_q)
  edges = np.cumsum(probs, axis=-1)[:, ::7]
  draw = jax.jit(sampling.draw)
  columns = [np.zeros(64), np.full(64, LAST)]
  columns += [
    edge + shift * 2.0**-24 for edge in edges.T for shift in (-1, 0, 1)
  ]
  uniforms = np.clip(np.stack(columns, -1), 0, LAST).astype(np.float32)
  tokens = np.asarray(draw(log_q[:, None], jnp.asarray(uniforms)))
  assert np.take_along_axis(probs, tokens, axis=-1).min() > 0
  alive = probs > 0
  np.testing.assert_array_equal(tokens[:, 0], alive.argmax(-1))
  last = 232 - alive[:, ::-1].argmax(-1)
  np.testing.assert_array_equal(tokens[:, 1], last)


@pytest.mark.parametrize(
  ("field", "value"),
  [
    ("temperature", -1.0), ("temperature", float("inf")),
    ("temperature", float("nan")), ("top_k", -1), ("top_p", 0.0),
    ("top_p", 1.5), ("min_p", -0.1), ("min_p", 2.0),
  ],
)  # fmt: skip
def test_bad_field_is_named(field, value):
  with pytest.raises(errors.UserError, match=f"sampler.{field}"):
    SamplerConfig(**{field: value})
