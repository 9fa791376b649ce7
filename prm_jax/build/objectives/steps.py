"""Losses of all steps of a solution together."""

from typing import cast

import jax.numpy as jnp

from prm_jax.build.objectives import base
from prm_jax.models import config as config_lib
from prm_jax.objectives import pooling, ranking
from prm_jax.objectives import survival as survival_lib


def ranked(
  config: base.ObjectiveConfig,
  model: config_lib.ModelConfig,
  out: base.Outputs,
  batch: base.Batch,
) -> base.Loss:
  del model
  return ranking.process_q_ranking(
    base.of(out.values),
    batch["targets"] > 0.5,
    batch["weights"] > 0,
    margin=config.margin,
  )


def survival(
  config: base.ObjectiveConfig,
  model: config_lib.ModelConfig,
  out: base.Outputs,
  batch: base.Batch,
) -> base.Loss:
  """The first error; of a wrong solution without one, that there is one."""
  del model
  is_labelled, is_censored = batch["weights"] > 0, batch["censored"] > 0
  wrong = is_labelled & (batch["targets"] <= 0.5)
  located = jnp.any(wrong, axis=1)
  # Values are log-odds of being right: a hazard's are the negative.
  return survival_lib.loss(
    -base.of(out.values),
    is_labelled | is_censored,
    ~located & ~jnp.any(is_censored, axis=1),
    jnp.where(located, jnp.argmax(wrong, axis=1), survival_lib.UNKNOWN),
    variant=config.variant,
  )


def pooled(
  config: base.ObjectiveConfig,
  model: config_lib.ModelConfig,
  out: base.Outputs,
  batch: base.Batch,
) -> base.Loss:
  """The outcome, from the steps' evidence; values are log-odds of right."""
  del model
  is_step = batch["weights"] > 0
  found = pooling.pool(
    -base.of(out.values),
    is_step,
    form=cast(pooling.Pooling, config.form),
    temperature=config.temperature,
  )
  right = jnp.max(jnp.where(is_step, batch["targets"], 0.0), axis=1)
  there = jnp.any(is_step, axis=1).astype(found.dtype)
  return pooling.cross_entropy(found, 1 - right, there)
