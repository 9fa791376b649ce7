"""Dense layers, norm, feed-forward block and token table."""

import math
from typing import cast

import flax.linen as nn
import jax.numpy as jnp

from prm_jax.models import config as config_lib
from prm_jax.types import Array

# Logical axis names live at the initialisers; `train/partition.py` alone maps
# them to the mesh.


ADAPTERS = "adapters"  # collection of `lora`


class Dense(nn.Module):
  """A linear map from the last axes of the input to `features`.

  An adapter of its own is added where there is one (`lora`).

  Leading axes are flattened to one: XLA's CPU backend takes more than twice as
  long over the gradients of the same product with two leading axes.
  """

  features: tuple[int, ...]
  axes: tuple[str, ...]  # logical axes of the kernel, inputs first
  config: config_lib.TransformerConfig
  use_bias: bool = False

  @nn.compact
  def __call__(self, x: Array) -> Array:
    num_in = len(self.axes) - len(self.features)
    lead, inputs = x.shape[:-num_in], x.shape[-num_in:]
    sizes = math.prod(inputs), math.prod(self.features)

    def init(key, shape, dtype=jnp.float32):
      matrix = nn.initializers.lecun_normal()(key, sizes, dtype)
      return matrix.reshape(shape)

    dtype = self.config.jax_dtype
    kernel = self.param(
      "kernel",
      nn.with_logical_partitioning(init, self.axes),
      (*inputs, *self.features),
    )
    matrix = jnp.asarray(kernel, dtype).reshape(sizes)
    flat = x.astype(dtype).reshape(-1, sizes[0])
    out = flat @ matrix
    if self.has_variable(ADAPTERS, "down"):
      down, up = (
        jnp.asarray(self.get_variable(ADAPTERS, name), dtype)
        for name in ("down", "up")
      )
      rank = down.shape[-1]
      out += flat @ down.reshape(-1, rank) @ up.reshape(rank, -1)
    if self.use_bias:
      zeros = nn.with_logical_partitioning(
        nn.initializers.zeros_init(), self.axes[num_in:]
      )
      bias = self.param("bias", zeros, self.features)
      out += jnp.asarray(bias, dtype).reshape(-1)
    return out.reshape(*lead, *self.features)


def rms_norm(config: config_lib.TransformerConfig, axis: str, name=None):
  """Root-mean-square norm; statistics in float32 whatever the dtype."""
  return nn.RMSNorm(
    epsilon=config.norm_eps,
    dtype=config.jax_dtype,
    scale_init=nn.with_logical_partitioning(
      nn.initializers.ones_init(), (axis,)
    ),
    name=name,
  )


class FeedForward(nn.Module):
  """SwiGLU: down(silu(gate(x)) * up(x))."""

  config: config_lib.TransformerConfig

  @nn.compact
  def __call__(self, x: Array) -> Array:
    c = self.config
    gate = Dense((c.mlp_dim,), ("embed", "mlp"), c, name="gate")(x)
    up = Dense((c.mlp_dim,), ("embed", "mlp"), c, name="up")(x)
    down = Dense((c.embed_dim,), ("mlp", "embed"), c, name="down")
    return down(nn.silu(gate) * up)


class Embedder(nn.Module):
  """Token table; also the LM head where the two are tied."""

  config: config_lib.TransformerConfig

  def setup(self):
    c = self.config
    init = nn.with_logical_partitioning(
      nn.initializers.normal(c.embed_dim**-0.5), ("vocab", "embed")
    )
    table = self.param("table", init, (c.vocab_size, c.embed_dim))
    self.table = cast(Array, table)

  def encode(self, tokens: Array) -> Array:
    """[..., t] ids -> [..., t, d]."""
    return jnp.take(self.table, tokens, axis=0).astype(self.config.jax_dtype)

  def decode(self, hidden: Array) -> Array:
    """[..., t, d] -> [..., t, v] float32 logits."""
    table = self.table.astype(self.config.jax_dtype)
    flat = hidden.reshape(-1, hidden.shape[-1])
    logits = jnp.dot(flat, table.T, preferred_element_type=jnp.float32)
    return logits.reshape(*hidden.shape[:-1], -1)
