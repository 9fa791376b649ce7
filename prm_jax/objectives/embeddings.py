"""Preferences that need not be transitive (GPM, arXiv:2410.02197).

Each response has an embedding of 2k numbers; the score of i over j is

  <R v_i, v_j> = sum_l v_i[2l] v_j[2l + 1] - v_i[2l + 1] v_j[2l]

with R a rotation by 90 degrees of k planes, so that it is the negative of
that of j over i. One plane already holds a cycle, which no score per response
(Bradley-Terry) can; with v_i = (s_i, 1) it is Bradley-Terry's s_i - s_j.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from prm_jax import metrics
from prm_jax.objectives import preferences, reduction

Array = jax.Array


def score(
  first: Float[Array, "*#b d"], second: Float[Array, "*#b d"]
) -> Float[Array, "..."]:
  """<R v_i, v_j>: how much `first` is preferred to `second`.

  Raises:
    ValueError: an odd number of numbers.
  """
  if first.shape[-1] % 2:
    raise ValueError(f"embeddings of {first.shape[-1]} numbers have no planes")
  first = reduction.at_least_float32(first)
  second = reduction.at_least_float32(second)
  across = first[..., ::2] * second[..., 1::2]
  back = first[..., 1::2] * second[..., ::2]
  return jnp.sum(across - back, axis=-1)


def general_preference(
  better: Float[Array, "*b d"],
  worse: Float[Array, "*b d"],
  weights: Float[Array, "*b"],
  *,
  target: Float[Array, "*b"] | float = 1.0,
  temperature: float = 0.1,
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """Cross-entropy of sigmoid(score / temperature).

  Args:
    better: embeddings.
    worse: of the other.
    weights: 0 where there is no pair.
    target: P(better is preferred).
    temperature: of the scores.
  """
  better, worse = (reduction.hide(v, weights) for v in (better, worse))
  lead = score(better, worse) / temperature
  wanted = jnp.broadcast_to(jnp.asarray(target, lead.dtype), lead.shape)
  return preferences.soft_pair(lead, jnp.zeros_like(lead), wanted, weights)
