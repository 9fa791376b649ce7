"""Objectives by name: model and config to a loss over batches."""

from collections.abc import Callable, Mapping

import jax.numpy as jnp

from prm_jax import errors, metrics
from prm_jax.build.objectives import base, registry
from prm_jax.models import config as config_lib
from prm_jax.models import lm
from prm_jax.objectives import lm as lm_objective
from prm_jax.objectives import reduction
from prm_jax.types import Array, Params

LossFn = Callable[
  [Params, Mapping[str, Array]], tuple[metrics.Mean, metrics.Metrics]
]
ObjectiveConfig = base.ObjectiveConfig


def loss_fn(model: lm.Model, config: ObjectiveConfig) -> LossFn:
  """`(params, batch) -> (Mean, metrics)`, as the training step wants it.

  Raises:
    UserError: the model lacks what the objective needs, or they disagree.
  """
  objective = registry.get(config.name)
  check(model.config, config)

  def compute(
    params: Params, batch: Mapping[str, Array]
  ) -> tuple[metrics.Mean, metrics.Metrics]:
    tokens, segment_ids = batch["tokens"], batch["segment_ids"]
    out = lm.forward(model, params, tokens, batch["positions"], segment_ids)
    outputs = base.Outputs(out.logits, out.values)
    loss, found = objective.loss(config, model.config, outputs, batch)
    if config.reduction == "sum":
      num_sequences = jnp.sum(jnp.max(segment_ids, axis=-1))
      loss = reduction.per_sequence(loss, num_sequences)
    if not config.lm_coefficient or objective.reads == "tokens":
      return loss, found
    following, mask = lm_objective.next_tokens(
      tokens, segment_ids, batch["weights"]
    )
    auxiliary = lm_objective.cross_entropy(base.of(out.logits), following, mask)
    return reduction.with_auxiliary(
      (loss, found),
      auxiliary,
      coefficient=config.lm_coefficient,
      prefix="lm",
    )

  return compute


def check(model: config_lib.ModelConfig, config: ObjectiveConfig) -> None:
  """UserError where model and objective do not fit."""
  objective, name = registry.get(config.name), config.name
  registry.form(config)
  if objective.is_whole and config.reduction != "token":
    raise errors.UserError(
      f"objective.reduction: {name!r} is a mean over examples"
    )
  if objective.reads != "tokens" and model.value_head == "none":
    raise errors.UserError(f"objective.name: {name!r} needs a value head")
  needs_lm = objective.reads in ("tokens", "both") or config.lm_coefficient
  if needs_lm and not model.use_lm_head:
    raise errors.UserError("objective: needs model.use_lm_head")
  if objective.reads == "score" and model.has_classes:
    raise errors.UserError(
      f"objective.name: {name!r} needs model.value_head 'scalar'"
    )
  # What is trained must be what `heads.to_probability` will read.
  is_logit = config.loss == "cross_entropy" or objective.reads == "score"
  if (
    objective.reads in ("values", "score")
    and model.value_head in ("scalar", "token")
    and model.value_link == "identity"
    and is_logit
  ):
    raise errors.UserError(
      "objective.loss: 'cross_entropy' trains logits, model.value_link "
      "'identity' reads probabilities; set one of them"
    )
