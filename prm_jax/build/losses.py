"""Objectives by name: model and config to a loss over batches."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal

import jax
import jax.numpy as jnp

from prm_jax import errors, metrics
from prm_jax.models import config as config_lib
from prm_jax.models import heads, lm
from prm_jax.objectives import lm as lm_objective
from prm_jax.objectives import process, ranking, reduction, survival, value
from prm_jax.types import Array, Params

LossFn = Callable[
  [Params, Mapping[str, Array]], tuple[metrics.Mean, metrics.Metrics]
]

WHOLE = ("pqm", "survival")  # of all steps of a solution, a row of its own
STEP_LABELS = ("step", *WHOLE)  # learnt from labels at step ends


@dataclasses.dataclass(frozen=True)
class ObjectiveConfig:
  """What is learnt.

  Attributes:
    name: "sft"; "orm" (outcome at the last token), "ovm" (outcome at every
      token), "tvm" (prefix-tree value at every token), "step" (labels at step
      ends); of the same labels "pqm" (their order) and "survival" (the first
      error; a score is the chance that the step is right if those before it
      are, so that their product is the chance of the whole).
    loss: of values: "cross_entropy" on logits, or "squared_error" on what the
      model's `value_link` makes of them (OVM, TVM papers: identity).
    reduction: see `data.transforms`.
    lm_coefficient: weight of next-token prediction beside a value objective.
    margin: between right and wrong steps ("pqm").
    variant: see `objectives.survival`.
  """

  name: Literal["sft", "orm", "ovm", "tvm", "step", "pqm", "survival"]
  loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
  reduction: Literal["token", "sequence", "sum"] = "token"
  lm_coefficient: float = 0.0
  margin: float = 4.0
  variant: survival.Variant = "proper"

  def __post_init__(self):
    if self.name in WHOLE and self.reduction != "token":
      raise errors.UserError(
        f"objective.reduction: {self.name!r} is a mean over solutions"
      )


def loss_fn(model: lm.Model, config: ObjectiveConfig) -> LossFn:
  """`(params, batch) -> (Mean, metrics)`, as the training step wants it."""
  needs_values = config.name != "sft"
  if needs_values and model.config.value_head == "none":
    raise errors.UserError(
      f"objective.name: {config.name!r} needs a value head"
    )
  if (not needs_values or config.lm_coefficient) and (
    not model.config.use_lm_head
  ):
    raise errors.UserError("objective: needs model.use_lm_head")
  if needs_values:
    _check_link(model.config, config)
  if config.name in WHOLE and model.config.has_classes:
    raise errors.UserError(
      f"objective.name: {config.name!r} needs model.value_head 'scalar'"
    )

  def compute(
    params: Params, batch: Mapping[str, Array]
  ) -> tuple[metrics.Mean, metrics.Metrics]:
    tokens, segment_ids = batch["tokens"], batch["segment_ids"]
    out = lm.forward(model, params, tokens, batch["positions"], segment_ids)
    targets, weights = batch["targets"], batch["weights"]
    if not needs_values:
      return lm_objective.cross_entropy(_of(out.logits), targets, weights)
    loss, found = _value_loss(model, config, _of(out.values), targets, weights)
    if config.reduction == "sum":
      num_sequences = jnp.sum(jnp.max(segment_ids, axis=-1))
      loss = reduction.per_sequence(loss, num_sequences)
    if not config.lm_coefficient:
      return loss, found
    following, mask = lm_objective.next_tokens(tokens, segment_ids, weights)
    auxiliary = lm_objective.cross_entropy(_of(out.logits), following, mask)
    return reduction.with_auxiliary(
      (loss, found),
      auxiliary,
      coefficient=config.lm_coefficient,
      prefix="lm",
    )

  return compute


def _check_link(model: config_lib.ModelConfig, config: ObjectiveConfig) -> None:
  """What is trained must be what `heads.to_probability` will read."""
  if (
    model.value_head in ("scalar", "token")
    and model.value_link == "identity"
    and (config.loss == "cross_entropy" or config.name in WHOLE)
  ):
    raise errors.UserError(
      "objective.loss: 'cross_entropy' trains logits, model.value_link "
      "'identity' reads probabilities; set one of them"
    )


def _of(output: jax.Array | None) -> jax.Array:
  assert output is not None  # checked when the loss was made
  return output


def _value_loss(model, config, values, targets, weights):
  if config.name in WHOLE:
    return _whole_loss(config, values, targets > 0.5, weights > 0)
  if model.config.has_classes:
    is_soft = jnp.issubdtype(targets.dtype, jnp.floating)
    fn = process.soft_cross_entropy if is_soft else process.hard_cross_entropy
    return fn(values, targets, weights)
  if config.loss == "cross_entropy":
    return value.binary_cross_entropy(values, targets, weights)
  if model.config.value_link == "sigmoid":
    values = heads.to_probability(values, model.config)
  return value.squared_error(values, targets, weights)


def _whole_loss(
  config: ObjectiveConfig, values: Array, is_right: Array, is_step: Array
) -> tuple[metrics.Mean, metrics.Metrics]:
  """Losses of solutions [n, t], whose steps end where `is_step`."""
  if config.name == "pqm":
    return ranking.process_q_ranking(
      values, is_right, is_step, margin=config.margin
    )
  wrong = is_step & ~is_right
  correct = ~jnp.any(wrong, axis=1)
  # Values are log-odds of being right: a hazard's are the negative.
  return survival.loss(
    -values,
    is_step,
    correct,
    jnp.where(correct, survival.UNKNOWN, jnp.argmax(wrong, axis=1)),
    variant=config.variant,
  )
