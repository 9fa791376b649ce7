"""Rotary embedding (arXiv:2104.09864) and the ways its context is stretched."""

import math

import jax.numpy as jnp
import numpy as np

from prm_jax.models import config as config_lib
from prm_jax.types import Array


def rotate(
  x: Array, positions: Array, config: config_lib.TransformerConfig
) -> Array:
  """Turns queries or keys, in the half-split form of Llama.

  Args:
    x: [..., t, heads, head_dim].
    positions: [..., t] int32, the place of each token in its sequence.
    config: gives base and scaling.
  """
  frequency = jnp.asarray(frequencies(config), jnp.float32)
  angle = positions[..., None, None].astype(jnp.float32) * frequency
  gain = _gain(config)
  cos, sin = gain * jnp.cos(angle), gain * jnp.sin(angle)
  first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
  rotated = jnp.concatenate(
    [first * cos - second * sin, second * cos + first * sin], axis=-1
  )
  return rotated.astype(x.dtype)


def frequencies(config: config_lib.TransformerConfig) -> np.ndarray:
  """[head_dim / 2] radians per token, float64, computed on the host."""
  half = config.head_dim // 2
  plain = config.rope_theta ** (-np.arange(half) / half)
  kept = _kept_share(plain, config)
  return plain * (kept + (1 - kept) / config.rope_factor)


def _kept_share(
  plain: np.ndarray, config: config_lib.TransformerConfig
) -> np.ndarray:
  """Share of each plain frequency: 1 leaves it, 0 divides it by the factor.

  Frequencies that turn often in the old context tell neighbours apart and
  stay; slow ones tell far tokens apart and are stretched.
  """
  if config.rope_scaling == "none":
    return np.ones_like(plain)
  if config.rope_scaling == "linear":
    return np.zeros_like(plain)
  low, high = config.rope_low, config.rope_high
  if config.rope_scaling == "llama3":
    turns = config.rope_context * plain / (2 * math.pi)
    return np.clip((turns - low) / (high - low), 0, 1)
  # YaRN (arXiv:2309.00071): linear in the index, whose ends are rounded.
  width = config.head_dim / (2 * math.log(config.rope_theta))
  index_of = lambda turns: (
    width * math.log(config.rope_context / (turns * 2 * math.pi))
  )
  first = max(math.floor(index_of(high)), 0)
  last = min(math.ceil(index_of(low)), config.head_dim - 1)
  span = max(last - first, 1e-3)
  return 1 - np.clip((np.arange(len(plain)) - first) / span, 0, 1)


def _gain(config: config_lib.TransformerConfig) -> float:
  """YaRN's softmax temperature, put into both queries and keys."""
  if config.rope_scaling != "yarn" or config.rope_factor <= 1:
    return 1.0
  return 0.1 * math.log(config.rope_factor) + 1
