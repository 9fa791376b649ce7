"""Objectives by name: model and config to a loss over batches."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from prm_jax import errors, metrics
from prm_jax.build.objectives import base, registry
from prm_jax.data import examples as examples_lib
from prm_jax.models import config as config_lib
from prm_jax.models import lm
from prm_jax.objectives import lm as lm_objective
from prm_jax.objectives import reduction
from prm_jax.train import step
from prm_jax.types import Array, Params

LossFn = Callable[
  [Params, Mapping[str, Array]], tuple[metrics.Mean, metrics.Metrics]
]
ObjectiveConfig = base.ObjectiveConfig


class Reference(NamedTuple):
  """A language model that log-ratios compare with."""

  model: lm.Model
  params: Params  # on the devices


def loss_fn(model: lm.Model, config: ObjectiveConfig) -> LossFn:
  """`(params, batch) -> (Mean, metrics)`, as the training step wants it.

  Raises:
    UserError: the model lacks what the objective needs, or they disagree.
    ValueError: the objective compares with a reference.
  """
  objective, config = _checked(model.config, config)
  if objective.has_reference:
    raise ValueError(f"{config.name!r} needs a reference")
  return lambda params, batch: _compute(
    objective, model, config, params, batch, None
  )


def ratio_loss_fn(
  model: lm.Model, config: ObjectiveConfig, reference: Reference
) -> step.FrozenLoss:
  """The same of an objective of log-ratios; the reference stays as it is."""
  objective, config = _checked(model.config, config)

  def compute(
    params: Params, frozen: Any, batch: Mapping[str, Array]
  ) -> tuple[metrics.Mean, metrics.Metrics]:
    places, segment_ids = _layout(batch)
    out = lm.forward(
      reference.model, frozen, batch["tokens"], places, segment_ids
    )
    return _compute(objective, model, config, params, batch, out.logits)

  return step.FrozenLoss(compute, reference.params)


def check_targets(
  model: config_lib.ModelConfig, name: str, examples: examples_lib.Examples
) -> None:
  """Labels must be of the head's classes, or probabilities for two of them.

  A class that the head lacks would have no loss at all.

  Args:
    model: to train.
    name: of the objective.
    examples: what it is to learn.

  Raises:
    UserError: names the field that does not fit.
  """
  is_read = registry.get(name).reads == "values" and model.has_classes
  if not is_read or model.value_link == "expectation":
    return
  read = examples.columns["weights"] > 0
  targets = examples.columns["targets"][read]
  count = model.num_classes
  if not np.issubdtype(targets.dtype, np.integer):
    if count != 2:
      raise errors.UserError(
        f"model.num_classes: {count}, but labels are probabilities of two; "
        "objective 'rating' learns three classes"
      )
  elif len(targets) and not 0 <= targets.min() <= targets.max() < count:
    raise errors.UserError(
      f"model.num_classes: {count}, but labels are {targets.min()} to "
      f"{targets.max()}"
    )


def _compute(
  objective: base.Objective,
  model: lm.Model,
  config: ObjectiveConfig,
  params: Params,
  batch: Mapping[str, Array],
  reference: Array | None,
) -> tuple[metrics.Mean, metrics.Metrics]:
  places, segment_ids = _layout(batch)
  out = lm.forward(model, params, batch["tokens"], places, segment_ids)
  outputs = base.Outputs(out.logits, out.values, reference)
  loss, found = objective.loss(config, model.config, outputs, batch)
  if config.reduction == "sum":
    num_sequences = jnp.sum(jnp.max(batch["segment_ids"], axis=-1))
    loss = reduction.per_sequence(loss, num_sequences)
  if not config.lm_coefficient or objective.reads == "tokens":
    return loss, found
  following, mask = lm_objective.next_tokens(
    batch["tokens"], segment_ids, batch["weights"]
  )
  return reduction.with_auxiliary(
    (loss, found),
    lm_objective.cross_entropy(base.of(out.logits), following, mask),
    coefficient=config.lm_coefficient,
    prefix="lm",
  )


def _layout(batch: Mapping[str, Array]) -> tuple[Array, Array]:
  """Positions and segments; an example may hold several sequences."""
  if "side" in batch:
    return batch["place"], batch["side"]
  return batch["positions"], batch["segment_ids"]


def _checked(
  model: config_lib.ModelConfig, config: ObjectiveConfig
) -> tuple[base.Objective, ObjectiveConfig]:
  """The objective, and its config with a form that is named.

  Raises:
    UserError: model and objective do not fit.
  """
  objective, name = registry.get(config.name), config.name
  config = dataclasses.replace(config, form=registry.form(config))
  if objective.is_whole and config.reduction != "token":
    raise errors.UserError(
      f"objective.reduction: {name!r} is a mean over examples"
    )
  if objective.reads != "tokens" and model.value_head == "none":
    raise errors.UserError(f"objective.name: {name!r} needs a value head")
  needs_lm = objective.reads in ("tokens", "both") or config.lm_coefficient
  if needs_lm and not model.use_lm_head:
    raise errors.UserError("objective: needs model.use_lm_head")
  if objective.reads in ("score", "both") and model.has_classes:
    raise errors.UserError(
      f"objective.name: {name!r} needs model.value_head 'scalar'"
    )
  is_embedding = model.value_link == "embedding"
  if objective.reads != "tokens" and is_embedding != (
    objective.reads == "embedding"
  ):
    raise errors.UserError(
      f"model.value_link: 'embedding' is for objective 'gpm', not {name!r}"
      if is_embedding
      else f"objective.name: {name!r} needs model.value_link 'embedding'"
    )
  _check_link(model, objective, config)
  return objective, config


def _check_link(
  model: config_lib.ModelConfig,
  objective: base.Objective,
  config: ObjectiveConfig,
) -> None:
  """What is trained must be what `heads.to_probability` will read."""
  if objective.reads == "both":
    if model.value_link != "tanh":
      raise errors.UserError(
        f"objective.name: {config.name!r} needs model.value_link 'tanh'"
      )
    return
  is_logit = config.loss == "cross_entropy" or objective.reads == "score"
  if (
    objective.reads in ("values", "score")
    and model.value_head in ("scalar", "token")
    and model.value_link in ("identity", "tanh")
    and is_logit
  ):
    raise errors.UserError(
      "objective.loss: 'cross_entropy' trains logits, model.value_link "
      f"{model.value_link!r} reads "
      f"{'probabilities' if model.value_link == 'identity' else 'others'}; "
      "set one of them"
    )
