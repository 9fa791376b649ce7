"""Resampling schemes: weighted rows to equally weighted parents.

Each scheme has `E[copies of i] = num * w_i` with w the normalised weights.
One signature, `(rng_key, log_weights [N], num) -> parents [num] int32`,
ascending; vmap over problems. The `*_at` functions are the same on given
uniforms in [0, 1).

Safe in float32: a row of weight zero is never drawn, equal weights make
systematic, stratified and residual resampling the identity, weights of -inf
are allowed, and where all are -inf the rows are drawn as if equally weighted
(the evidence, -inf then, is the flag).
"""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from prm_jax import errors

LogWeights: TypeAlias = Float[Array, "N"]
Uniforms: TypeAlias = Float[Array, "M"]
Parents: TypeAlias = Int[Array, "M"]
ResampleFn: TypeAlias = Callable[[Array, Array, int], Array]


def multinomial_at(uniforms: Uniforms, log_weights: LogWeights) -> Parents:
  """Independent draws."""
  points = jnp.sort(uniforms) * uniforms.shape[0]
  return _invert(_weights(log_weights), points)


def stratified_at(uniforms: Uniforms, log_weights: LogWeights) -> Parents:
  """One draw in each of M equal strata."""
  return _invert(_weights(log_weights), _strata(uniforms))


def systematic_at(uniforms: Uniforms, log_weights: LogWeights) -> Parents:
  """The first uniform in every stratum: floor or ceil of M w_i copies."""
  shared = jnp.full_like(uniforms, uniforms[0])
  return _invert(_weights(log_weights), _strata(shared))


def residual_at(uniforms: Uniforms, log_weights: LogWeights) -> Parents:
  """floor(M w_i) copies, the rest multinomial on what is left of M w_i."""
  num = uniforms.shape[0]
  weights = _weights(log_weights)
  expected = num * weights / jnp.sum(weights)
  copies = jnp.floor(expected).astype(jnp.int32)
  rest = num - jnp.sum(copies)
  drawn = _invert(expected - copies, uniforms * num)
  # Static shape: M draws, of which the first `rest` count.
  counts = copies.at[drawn].add(jnp.arange(num) < rest)
  ends = jnp.cumsum(counts)
  parents = jnp.searchsorted(ends, jnp.arange(num), side="right")
  return parents.astype(jnp.int32)


def conditional_multinomial(
  rng_key: Array, log_weights: LogWeights, num: int
) -> Parents:
  """`multinomial` given that parent 0 is row 0: the others are drawn freely."""
  others = multinomial(rng_key, log_weights, num - 1)
  return jnp.concatenate([jnp.zeros(1, jnp.int32), others])


def conditional_stratified(
  rng_key: Array, log_weights: LogWeights, num: int
) -> Parents:
  """`stratified` of the rows in random order, given one point on row 0.

  In the order given it would not do: in stratified resampling a row's copies
  depend on its place, and a reference is always first.
  """
  shuffle, hit, rest = jax.random.split(rng_key, 3)
  order = jax.random.permutation(shuffle, num).astype(jnp.int32)
  weights = _weights(log_weights)[order]
  first = jnp.argmin(order)
  before = jnp.sum(jnp.where(jnp.arange(num) < first, weights, 0))
  inside = jax.random.uniform(hit, (), weights.dtype) * weights[first]
  point = (before + inside) * (num / jnp.sum(weights))
  stratum = jnp.minimum(point.astype(jnp.int32), num - 1)
  uniforms = jax.random.uniform(rest, (num,), weights.dtype)
  uniforms = uniforms.at[stratum].set(point - stratum)
  parents = order[stratified_at(uniforms, log_weights[order])]
  return parents.at[stratum].set(parents[0]).at[0].set(0)


def conditional_systematic(
  rng_key: Array, log_weights: LogWeights, num: int
) -> Parents:
  """`systematic` given that one point falls on row 0.

  Its N points lie evenly on a circle, so that row 0 may always be the first.
  """
  weights = _weights(log_weights)
  inside = jax.random.uniform(rng_key, (), weights.dtype) * weights[0]
  point = inside * (num / jnp.sum(weights))
  uniforms = jnp.full(num, point - jnp.floor(point))
  return systematic_at(uniforms, log_weights).at[0].set(0)


def effective_sample_size(log_weights: Float[Array, "*B N"]) -> Array:
  """(sum w)^2 / sum w^2, between 1 and N; 0 where all weights are zero."""
  top = jnp.max(log_weights, axis=-1, keepdims=True)
  weights = jnp.exp(log_weights - jnp.where(jnp.isneginf(top), 0, top))
  squares = jnp.sum(weights**2, axis=-1)
  total = jnp.sum(weights, axis=-1)
  return total**2 / jnp.where(squares == 0, 1, squares)


def _keyed(scheme: Callable[[Array, Array], Array]) -> ResampleFn:
  def resample(rng_key: Array, log_weights: Array, num: int) -> Array:
    uniforms = jax.random.uniform(rng_key, (num,), log_weights.dtype)
    return scheme(uniforms, log_weights)

  resample.__doc__ = scheme.__doc__
  return resample


multinomial = _keyed(multinomial_at)
stratified = _keyed(stratified_at)
systematic = _keyed(systematic_at)
residual = _keyed(residual_at)

SCHEMES: dict[str, ResampleFn] = {
  "multinomial": multinomial,
  "stratified": stratified,
  "systematic": systematic,
  "residual": residual,
}


# Given that row 0 survives at place 0: what conditional filters resample with.
CONDITIONAL: dict[str, ResampleFn] = {
  "multinomial": conditional_multinomial,
  "stratified": conditional_stratified,
  "systematic": conditional_systematic,
}


def conditional_by_name(name: str) -> ResampleFn:
  """The conditional variant of the scheme of that name."""
  if name not in CONDITIONAL:
    raise errors.UserError(
      f"scheme: no conditional resampling {name!r}, choose from "
      f"{', '.join(CONDITIONAL)}"
    )
  return CONDITIONAL[name]


def by_name(name: str) -> ResampleFn:
  """The scheme of that name."""
  if name not in SCHEMES:
    raise errors.UserError(
      f"scheme: unknown resampling {name!r}, choose from {', '.join(SCHEMES)}"
    )
  return SCHEMES[name]


def _weights(log_weights: LogWeights) -> LogWeights:
  """Weights with maximum 1, so equal ones are exactly 1."""
  top = jnp.max(log_weights)
  collapsed = jnp.isneginf(top)
  return jnp.where(
    collapsed, 1.0, jnp.exp(log_weights - jnp.where(collapsed, 0, top))
  )


def _strata(uniforms: Uniforms) -> Uniforms:
  """k + u_k, kept below k + 1: float32 rounds it up when k is large."""
  k = jnp.arange(uniforms.shape[0], dtype=uniforms.dtype)
  return jnp.minimum(k + uniforms, jnp.nextafter(k + 1, jnp.zeros_like(k)))


def _invert(weights: LogWeights, points: Uniforms) -> Parents:
  """Inverse of the cumulative weights at `points` in [0, M)."""
  positive = weights > 0
  # A parallel sum in float32 may step at a weight of zero, or step down: such
  # a row repeats the value before it and so owns an empty interval.
  cumulative = jax.lax.cummax(
    jnp.where(positive, jnp.cumsum(weights), -jnp.inf)
  )
  scaled = points * (cumulative[-1] / points.shape[0])
  parents = jnp.searchsorted(cumulative, scaled, side="right")
  # A point may round up to the total: it belongs to the last drawable row.
  rows = jnp.arange(weights.shape[0])
  final = jnp.max(jnp.where(positive, rows, 0))
  return jnp.minimum(parents, final).astype(jnp.int32)
