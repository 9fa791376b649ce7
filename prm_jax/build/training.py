"""Data pipeline, optimiser, loop and mesh of a training run."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeAlias

import jax
import ml_collections

from prm_jax import errors
from prm_jax.build import beginnings, fields, losses, models
from prm_jax.build.objectives import registry
from prm_jax.data import pipeline
from prm_jax.models import lm
from prm_jax.train import loop, optim, partition, step

Group: TypeAlias = ml_collections.ConfigDict


def pipeline_config(config: Group, seed: int) -> pipeline.PipelineConfig:
  return fields.dataclass(
    pipeline.PipelineConfig, {"seed": seed, **config.to_dict()}, "data"
  )


def one_pass(config: pipeline.PipelineConfig) -> pipeline.PipelineConfig:
  """The same batches for held-out data: in order, each example once."""
  order: pipeline.Order = "fixed"
  return dataclasses.replace(config, order=order, num_epochs=1)


def optim_config(config: Group, num_steps: int) -> optim.OptimConfig:
  return fields.dataclass(
    optim.OptimConfig, {"num_steps": num_steps, **config.to_dict()}, "optim"
  )


def fit_config(config: Group, flops_per_token: float) -> loop.FitConfig:
  return fields.dataclass(
    loop.FitConfig,
    {"flops_per_token": flops_per_token, **config.to_dict()},
    "fit",
  )


def mesh(config: Group) -> jax.sharding.Mesh:
  return partition.make_mesh(
    fields.dataclass(partition.MeshConfig, config.to_dict(), "mesh")
  )


def objective(
  model: lm.Model,
  config: losses.ObjectiveConfig,
  warm: models.Loaded | None,
  warm_name: str,
  mesh: jax.sharding.Mesh,
) -> tuple[losses.LossFn | step.FrozenLoss, Mapping[str, Any]]:
  """The loss, and what a reader of the finished model has to know.

  Args:
    model: to train.
    config: of the objective.
    warm: the model that training begins with.
    warm_name: its folder.
    mesh: the devices.

  Raises:
    UserError: an objective of log-ratios without a model to compare with, or
      with one of other tokens.
  """
  if not registry.get(config.name).has_reference:
    return losses.loss_fn(model, config), {}
  name, found = config.reference or warm_name, warm
  if config.reference:
    found = models.load(config.reference, "objective.reference")
  if found is None:
    raise errors.UserError(
      f"objective.reference: {config.name!r} compares with another model; "
      "name one, or begin with one (config.init)"
    )
  own, other = (
    side.config.transformer.vocab_size for side in (model, found.model)
  )
  if own != other or not found.model.config.use_lm_head:
    raise errors.UserError(
      f"objective.reference: {name}: is no language model of {own} tokens"
    )
  params = beginnings.placed(found.model, found.params, mesh)
  reference = losses.Reference(found.model, params)
  extra = {"reference": name, "beta": config.beta}
  return losses.ratio_loss_fn(model, config, reference), extra
