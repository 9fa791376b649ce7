"""Data pipeline, optimiser, loop and mesh of a training run."""

import dataclasses
from typing import TypeAlias

import jax
import ml_collections

from prm_jax.build import fields
from prm_jax.data import pipeline
from prm_jax.train import loop, optim, partition

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
