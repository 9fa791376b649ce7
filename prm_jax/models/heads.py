"""Value heads: hidden states in, float32 logits out."""

from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from prm_jax import errors
from prm_jax.models import config as config_lib
from prm_jax.types import Array


class LinearHead(nn.Module):
  """A linear map in float32, `features` outputs per position.

  One output is the scalar value (ORM, OVM, TVM logits); several are the
  classes of a step (Lightman et al., arXiv:2305.20050).
  """

  features: int

  @nn.compact
  def __call__(self, hidden: Array) -> Array:
    kernel_init = nn.with_logical_partitioning(
      nn.initializers.zeros_init(), ("embed", "classes")
    )
    bias_init = nn.with_logical_partitioning(
      nn.initializers.zeros_init(), ("classes",)
    )
    return nn.Dense(
      self.features, kernel_init=kernel_init, bias_init=bias_init
    )(hidden.astype(jnp.float32))


class TokenValueHead(nn.Module):
  """gain * (w . h) + bias at every token (OVM, arXiv:2311.09724)."""

  @nn.compact
  def __call__(self, hidden: Array) -> Array:
    hidden = hidden.astype(jnp.float32)
    width = hidden.shape[-1]
    init = nn.with_logical_partitioning(
      nn.initializers.normal(width**-0.5), ("embed",)
    )
    direction = cast(Array, self.param("direction", init, (width,)))
    gain = self.param("gain", nn.initializers.ones_init(), ())
    bias = self.param("bias", nn.initializers.zeros_init(), ())
    return gain * (hidden @ direction) + bias


class MlpHead(nn.Module):
  """Linear, ReLU, linear in float32 (arXiv:2501.07301), `features` outputs.

  One output loses its axis: it is a scalar value.
  """

  features: int

  @nn.compact
  def __call__(self, hidden: Array) -> Array:
    init = nn.with_logical_partitioning(
      nn.initializers.lecun_normal(), ("embed", None)
    )
    inner = nn.Dense(hidden.shape[-1], kernel_init=init, name="inner")
    out = LinearHead(self.features, name="outer")
    found = out(nn.relu(inner(hidden.astype(jnp.float32))))
    return found[..., 0] if self.features == 1 else found


def make(config: config_lib.ModelConfig) -> nn.Module:
  """The value head that the configuration names."""
  if config.value_head == "token":
    return TokenValueHead()
  if config.value_head == "scalar":
    return LinearHead(1)
  if config.value_head == "mlp":
    return MlpHead(config.num_classes)
  return LinearHead(config.num_classes)


def to_probability(values: Array, config: config_lib.ModelConfig) -> Array:
  """Head outputs to P(correct), as the configuration says.

  Models whose link is "raw" or "tanh" have no probability; what they give is
  their score.

  Args:
    values: [...] of a scalar or token head, [..., classes] of a step head.
    config: of the model they come from.

  Raises:
    UserError: an embedding, which says nothing of one solution alone.
  """
  if config.value_link == "embedding":
    raise errors.UserError(
      "model.value_link: 'embedding' compares pairs, it scores no solution"
    )
  if config.value_link == "expectation":
    centers = jnp.linspace(0, 1, config.num_classes)
    return jax.nn.softmax(values, axis=-1) @ centers
  if config.has_classes:
    # Neutral counts as right: all but the first, which are «wrong».
    shares = jax.nn.softmax(values, axis=-1)
    return jnp.sum(shares[..., config.num_wrong :], axis=-1)
  if config.value_link == "identity":
    return jnp.clip(values, 0, 1)
  if config.value_link == "raw":
    return values
  if config.value_link == "tanh":
    return jnp.tanh(values)
  return jax.nn.sigmoid(values)
