"""The optimiser, from one frozen config: AdamW or Muon."""

import dataclasses
import math
from typing import Any, Literal

import jax
import optax
import optax.contrib
from flax.core import meta

from prm_jax import errors


@dataclasses.dataclass(frozen=True)
class OptimConfig:
  """AdamW (arXiv 1711.05101) or Muon, linear warm-up, cosine decay, clipping.

  Attributes:
    name: "adamw"; "muon" orthogonalises the momentum of the layers' matrices
      (arXiv 2502.16982, width scaling) and leaves embeddings, heads, norms
      and biases to AdamW.
    learning_rate: at the end of the warm-up.
    adam_learning_rate: of what "muon" leaves to AdamW; 0: `learning_rate`.
    num_steps: the schedule's length in updates, warm-up included.
    warmup_steps: updates from 0 to `learning_rate`.
    final_fraction: learning rate at `num_steps`, as part of the peak.
    weight_decay: decoupled, on matrices only (biases and scales are spared).
    clip_norm: bound of the global gradient norm; inf leaves it alone.
    ema_decay: of the averaged parameters; 0 keeps none.
  """

  name: Literal["adamw", "muon"] = "adamw"
  learning_rate: float = 1e-3
  adam_learning_rate: float = 0.0
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
      "adam_learning_rate": self.adam_learning_rate >= 0,
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
        of = f" of {self.num_steps}" if name == "warmup_steps" else ""
        raise errors.UserError(
          f"optim.{name}={getattr(self, name)}{of} is not valid"
        )


def make_schedule(
  config: OptimConfig, peak: float | None = None
) -> optax.Schedule:
  """Update number -> learning rate, `config.learning_rate` at the peak."""
  peak = config.learning_rate if peak is None else peak
  return optax.warmup_cosine_decay_schedule(
    init_value=0.0 if config.warmup_steps else peak,
    peak_value=peak,
    warmup_steps=config.warmup_steps,
    decay_steps=config.num_steps,
    end_value=peak * config.final_fraction,
  )


def decay_mask(params: Any) -> Any:
  """True for the leaves that are decayed: those that map axes to axes.

  Not so the biases, whatever their rank (a query's has heads and channels),
  nor scales: `layers`, the stacking axis of scanned parameters, gives a
  vector a second axis without making it a matrix.
  """

  def is_matrix(path: Any, leaf: Any) -> bool:
    if jax.tree_util.keystr(path[-1:], simple=True) == "bias":
      return False
    if not isinstance(leaf, meta.Partitioned):
      return leaf.ndim >= 2
    return sum(name != "layers" for name in leaf.names) >= 2

  return jax.tree_util.tree_map_with_path(
    is_matrix, params, is_leaf=lambda x: isinstance(x, meta.AxisMetadata)
  )


def muon_dimensions(params: Any) -> Any:
  """Which axes of a layer's matrix are summed over; None: left to AdamW.

  Read off the logical axis names: what comes before the last group of axes is
  the input. `embed` is the input of all but the two matrices that write to
  the residual stream, where it is the output.
  """

  def dimensions(leaf: Any) -> Any:
    if not isinstance(leaf, meta.Partitioned) or "layers" not in leaf.names:
      return None
    own = [i for i, name in enumerate(leaf.names) if name != "layers"]
    if len(own) < 2 or "embed" not in leaf.names:
      return None
    embed = leaf.names.index("embed")
    rest = tuple(i for i in own if i != embed)
    if embed == own[0]:
      return optax.contrib.MuonDimensionNumbers((embed,), rest)
    return optax.contrib.MuonDimensionNumbers(rest, (embed,))

  return jax.tree.map(
    dimensions, params, is_leaf=lambda x: isinstance(x, meta.AxisMetadata)
  )


def make_optimizer(
  config: OptimConfig, params: Any
) -> optax.GradientTransformation:
  """Clip, then AdamW or Muon with the schedule.

  Args:
    params: the parameters' shapes, boxed by `nn.with_logical_partitioning`
      where they are: the names of the axes say what is a matrix.
  """
  clip = (
    optax.clip_by_global_norm(config.clip_norm)
    if math.isfinite(config.clip_norm)
    else optax.identity()
  )
  if config.name == "adamw":
    return optax.chain(clip, _adamw(config, params))
  return optax.chain(clip, _muon(config, params))


def _adamw(config: OptimConfig, params: Any) -> optax.GradientTransformation:
  return optax.adamw(
    make_schedule(config),
    b1=config.b1,
    b2=config.b2,
    eps=config.eps,
    weight_decay=config.weight_decay,
    mask=decay_mask(params),
  )


def _muon(config: OptimConfig, params: Any) -> optax.GradientTransformation:
  adam_peak = config.adam_learning_rate or config.learning_rate
  return optax.contrib.muon(
    make_schedule(config),
    weight_decay=config.weight_decay,
    weight_decay_mask=decay_mask(params),
    adam_b1=config.b1,
    adam_b2=config.b2,
    adam_weight_decay=config.weight_decay,
    adam_learning_rate=make_schedule(config, adam_peak),
    muon_weight_dimension_numbers=muon_dimensions(params),
  )
