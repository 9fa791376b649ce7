"""Low-rank adapters beside frozen matrices (LoRA, arXiv 2106.09685).

y = W x + (alpha / rank) B A x, for the matrices that are named; only A and B
are trained. B begins as zero, so the model begins as the one it adapts, and
`merge` gives a model without adapters that says the same. A layer finds its
adapters in a collection of their own (`layers.ADAPTERS`).
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import flax.traverse_util
import jax
import jax.numpy as jnp
from flax.core import meta

from prm_jax import errors
from prm_jax.models import layers
from prm_jax.types import Params, PRNGKey

# By the names that checkpoints have: the layer's matrix, and how many of its
# leading axes (behind the layers' own) are its inputs.
TARGETS: Mapping[str, tuple[str, int]] = {
  "q_proj": ("attention/query", 1),
  "k_proj": ("attention/key", 1),
  "v_proj": ("attention/value", 1),
  "o_proj": ("attention/out", 2),
  "gate_proj": ("mlp/gate", 1),
  "up_proj": ("mlp/up", 1),
  "down_proj": ("mlp/down", 1),
}
_LAYERS = "trunk/layers"


@dataclasses.dataclass(frozen=True)
class LoraConfig:
  """Which matrices get adapters, and how large.

  Attributes:
    rank: of each; 0: there are none, all parameters are trained.
    alpha: the adapters' output counts alpha / rank.
    targets: names as in `TARGETS`.
  """

  rank: int = 0
  alpha: float = 16.0
  targets: tuple[str, ...] = ("q_proj", "v_proj")

  def __post_init__(self):
    if self.rank < 0:
      raise errors.UserError("lora.rank: must be at least 0 (0: no adapters)")
    if self.alpha <= 0:
      raise errors.UserError("lora.alpha: must be above 0")
    if self.rank and not self.targets:
      raise errors.UserError("lora.targets: there are none")
    for name in self.targets:
      if name not in TARGETS:
        raise errors.UserError(
          f"lora.targets: {name!r} is not one of {', '.join(TARGETS)}"
        )

  @property
  def scale(self) -> float:
    return self.alpha / self.rank


def init(rng_key: PRNGKey, config: LoraConfig, params: Params) -> Params:
  """Adapters [layers, *inputs, rank] and [layers, rank, *outputs], boxed.

  Args:
    rng_key: consumed.
    config: names the matrices.
    params: of the model, boxed, arrays or their shapes.

  Raises:
    UserError: rank is larger than a side of a matrix.
  """
  found: dict[tuple[str, ...], Any] = {}
  kernels = _kernels(config, params)
  keys = jax.random.split(rng_key, len(kernels))
  for key, (path, kernel) in zip(keys, kernels.items(), strict=True):
    shape, split = nn.unbox(kernel).shape, 1 + _inputs(path)
    names = (
      kernel.names
      if isinstance(kernel, meta.Partitioned)
      else (None,) * len(shape)
    )
    inputs, outputs = shape[1:split], shape[split:]
    if config.rank > min(math.prod(inputs), math.prod(outputs)):
      raise errors.UserError(
        f"lora.rank: {config.rank} is more than a side of {'/'.join(path)}, "
        f"{math.prod(inputs)} x {math.prod(outputs)}"
      )
    bound = math.prod(inputs) ** -0.5
    down = jax.random.uniform(
      key, (shape[0], *inputs, config.rank), jnp.float32, -bound, bound
    )
    up = jnp.zeros((shape[0], config.rank, *outputs), jnp.float32)
    found[*path, "down"] = meta.Partitioned(down, (*names[:split], None))
    found[*path, "up"] = meta.Partitioned(up, (names[0], None, *names[split:]))
  return flax.traverse_util.unflatten_dict(found)


def attach(params: Params, adapters: Params, config: LoraConfig) -> Params:
  """Variables of the model with its adapters, for `lm.forward`."""

  def scaled(path: tuple[str, ...], leaf: Any) -> Any:
    return leaf * config.scale if path[-1] == "up" else leaf

  flat = flax.traverse_util.flatten_dict(adapters)
  own = {path: scaled(path, leaf) for path, leaf in flat.items()}
  return {
    **params,
    layers.ADAPTERS: flax.traverse_util.unflatten_dict(own),
  }


def merge(params: Params, adapters: Params, config: LoraConfig) -> Params:
  """The same model as one without adapters.

  Args:
    params: of the model, without boxes.
    adapters: as of `init`, without boxes.
    config: with which they were trained.
  """
  flat = dict(flax.traverse_util.flatten_dict(params["params"]))
  own = flax.traverse_util.flatten_dict(adapters)
  for path in {path[:-1] for path in own}:
    kernel = flat[*path, "kernel"]
    down, up = own[*path, "down"], own[*path, "up"]
    count, rank = down.shape[0], config.rank
    product = jnp.einsum(
      "lir,lro->lio",
      jnp.asarray(down, jnp.float32).reshape(count, -1, rank),
      jnp.asarray(up, jnp.float32).reshape(count, rank, -1),
      precision=jax.lax.Precision.HIGHEST,
    )
    merged = kernel + config.scale * product.reshape(kernel.shape)
    flat[*path, "kernel"] = merged.astype(kernel.dtype)
  return {**params, "params": flax.traverse_util.unflatten_dict(flat)}


def _kernels(config: LoraConfig, params: Params) -> dict[tuple[str, ...], Any]:
  """The matrices' paths without their last name, and what stands there."""
  is_box = lambda leaf: isinstance(leaf, meta.AxisMetadata)
  flat = flax.traverse_util.flatten_dict(
    params["params"], is_leaf=lambda _, leaf: is_box(leaf)
  )
  found = {}
  for name in config.targets:
    path = tuple(f"{_LAYERS}/{TARGETS[name][0]}".split("/"))
    found[path] = flat[*path, "kernel"]
  return found


def _inputs(path: tuple[str, ...]) -> int:
  own = "/".join(path).removeprefix(f"{_LAYERS}/")
  return dict(TARGETS.values())[own]
