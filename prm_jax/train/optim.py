"""The optimiser, from one frozen config: AdamW as it is usually run."""

import dataclasses
import math
from typing import Any

import jax
import optax
from flax.core import meta

from prm_jax import errors


@dataclasses.dataclass(frozen=True)
class OptimConfig:
  """AdamW (arXiv 1711.05101), linear warm-up, cosine decay, clipping.

  Attributes:
    learning_rate: at the end of the warm-up.
    num_steps: the schedule's length in updates, warm-up included.
    warmup_steps: updates from 0 to `learning_rate`.
    final_fraction: learning rate at `num_steps`, as part of the peak.
    weight_decay: decoupled, on matrices only (biases and scales are spared).
    clip_norm: bound of the global gradient norm; inf leaves it alone.
    ema_decay: of the averaged parameters; 0 keeps none.
  """

  learning_rate: float = 1e-3
  num_steps: int = 1000
  warmup_steps: int = 0
  final_fraction: float = 0.1
  b1: float = 0.9
  b2: float = 0.95
  eps: float = 1e-8
  weight_decay: float = 0.0
  clip_norm: float = 1.0
  ema_decay: float = 0.0

  def __post_init__(self) -> None:
    checks = {
      "learning_rate": self.learning_rate > 0,
      "num_steps": self.num_steps > 0,
      "warmup_steps": 0 <= self.warmup_steps < self.num_steps,
      "final_fraction": 0 <= self.final_fraction <= 1,
      "b1": 0 <= self.b1 < 1,
      "b2": 0 <= self.b2 < 1,
      "eps": self.eps > 0,
      "weight_decay": self.weight_decay >= 0,
      "clip_norm": self.clip_norm > 0,
      "ema_decay": 0 <= self.ema_decay < 1,
    }
    for name, is_good in checks.items():
      if not is_good:
        raise errors.UserError(
          f"optim.{name}={getattr(self, name)} is not valid"
        )


def make_schedule(config: OptimConfig) -> optax.Schedule:
  """Update number -> learning rate."""
  return optax.warmup_cosine_decay_schedule(
    init_value=0.0 if config.warmup_steps else config.learning_rate,
    peak_value=config.learning_rate,
    warmup_steps=config.warmup_steps,
    decay_steps=config.num_steps,
    end_value=config.learning_rate * config.final_fraction,
  )


def decay_mask(params: Any) -> Any:
  """True for the leaves that are decayed: those that map axes to axes.

  The axes counted are those of one layer: `layers`, the stacking axis of
  scanned parameters, turns a vector into an array of rank two, not into a
  matrix.
  """

  def is_matrix(leaf: Any) -> bool:
    if not isinstance(leaf, meta.Partitioned):
      return leaf.ndim >= 2
    return sum(name != "layers" for name in leaf.names) >= 2

  return jax.tree.map(
    is_matrix, params, is_leaf=lambda x: isinstance(x, meta.AxisMetadata)
  )


def make_optimizer(
  config: OptimConfig, mask: Any = decay_mask
) -> optax.GradientTransformation:
  """Clip, then AdamW with the schedule.

  Args:
    mask: tree of bools like the parameters, or a function that makes it.
  """
  clip = (
    optax.clip_by_global_norm(config.clip_norm)
    if math.isfinite(config.clip_norm)
    else optax.identity()
  )
  adamw = optax.adamw(
    make_schedule(config),
    b1=config.b1,
    b2=config.b2,
    eps=config.eps,
    weight_decay=config.weight_decay,
    mask=mask,
  )
  return optax.chain(clip, adamw)
