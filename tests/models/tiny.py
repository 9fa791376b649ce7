"""Models of one or two layers, with parameters that are all in use."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.models import config as config_lib
from prm_jax.models import lm

VOCAB = 11
# Compiling is most of a test's time: half of it is saved by not optimising.
jit = functools.partial(
  jax.jit,
  compiler_options={
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
  },
)


def config(vocab_size=VOCAB, **changes) -> config_lib.ModelConfig:
  """Fields of the trunk and of the model, as in a config file."""
  trunk = {
    "vocab_size": vocab_size,
    "num_layers": 2,
    "embed_dim": 16,
    "num_heads": 4,
    "num_kv_heads": 2,
    "head_dim": 6,
    "mlp_dim": 24,
  }
  own = {k: v for k, v in changes.items() if k not in _TRUNK}
  trunk |= {k: v for k, v in changes.items() if k in _TRUNK}
  return config_lib.ModelConfig(config_lib.TransformerConfig(**trunk), **own)


_TRUNK = set(config_lib.TransformerConfig.__dataclass_fields__)


def boxed(model: lm.Model):
  """What `init` returns, traced only; leaves carry their logical axes."""
  one = jnp.ones((1, 2), jnp.int32)
  return jax.eval_shape(model.init, jax.random.key(0), one, one, one)


def params(model: lm.Model, seed=0):
  """Random values for every parameter, biases, norms and heads included.

  An initialiser's zeros and ones would hide that a bias is added twice or a
  norm left out.
  """
  rng = np.random.default_rng(seed)

  def leaf(x):
    fan_in = max(int(np.prod(x.shape[1:-1])), 1) if x.ndim > 1 else 4
    value = rng.normal(0, fan_in**-0.5, x.shape)
    return jnp.asarray(value + (x.ndim <= 1), x.dtype)

  return jax.tree.map(leaf, nn.unbox(boxed(model)))


def make(seed=0, **changes):
  """(model, parameters)."""
  model = lm.Model(config(**changes))
  return model, params(model, seed)


def whole(tokens):
  """Tokens, positions, segment ids of unpacked, unpadded sequences."""
  tokens = jnp.asarray(tokens, jnp.int32)
  positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
  return tokens, positions, jnp.ones_like(tokens)
