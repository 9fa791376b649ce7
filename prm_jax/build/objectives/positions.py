"""Losses that are sums over the positions of packed solutions."""

import jax.numpy as jnp

from prm_jax.build.objectives import base
from prm_jax.models import config as config_lib
from prm_jax.models import heads
from prm_jax.objectives import bins, joint, lm, process, value


def next_tokens(
  config: base.ObjectiveConfig,
  model: config_lib.ModelConfig,
  out: base.Outputs,
  batch: base.Batch,
) -> base.Loss:
  del config, model
  return lm.cross_entropy(
    base.of(out.logits), batch["targets"], batch["weights"]
  )


def values(
  config: base.ObjectiveConfig,
  model: config_lib.ModelConfig,
  out: base.Outputs,
  batch: base.Batch,
) -> base.Loss:
  """Classes, bins or one score per position, as the model has them."""
  read, targets = base.of(out.values), batch["targets"]
  weights = batch["weights"]
  if model.value_link == "expectation":
    return bins.cross_entropy(read, targets.astype(jnp.float32), weights)
  if model.has_classes:
    is_soft = jnp.issubdtype(targets.dtype, jnp.floating)
    fn = process.soft_cross_entropy if is_soft else process.hard_cross_entropy
    return fn(read, targets, weights)
  if config.loss == "cross_entropy":
    return value.binary_cross_entropy(read, targets, weights)
  if model.value_link == "tanh":
    targets = joint.on_tanh_scale(targets)
  if model.value_link in ("sigmoid", "tanh"):
    read = heads.to_probability(read, model)
  return value.squared_error(read, targets, weights)


def policy_value(
  config: base.ObjectiveConfig,
  model: config_lib.ModelConfig,
  out: base.Outputs,
  batch: base.Batch,
) -> base.Loss:
  """A policy of the right solutions, and values of all (AlphaMath)."""
  following, mask = lm.next_tokens(
    batch["tokens"], batch["segment_ids"], batch["policy_weights"]
  )
  return joint.policy_value(
    base.of(out.logits),
    following,
    mask,
    heads.to_probability(base.of(out.values), model),
    joint.on_tanh_scale(batch["targets"]),
    batch["weights"],
    coefficient=config.alpha,
  )
