"""Losses of rows that hold several solutions or parts: see `data.lists`.

Column `side` says which one a token belongs to; supervised positions are steps'
ends for what reads values, and tokens for what reads log-probabilities.
"""

import dataclasses
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp

from prm_jax.build.objectives import base
from prm_jax.models import config as config_lib
from prm_jax.objectives import (
  embeddings,
  implicit,
  lists,
  lm,
  preferences,
  ranking,
  reduction,
  sequences,
  value,
)
from prm_jax.types import Array

PAIR = 2


class Sides(NamedTuple):
  """What the sequences of rows are worth, [n, m]."""

  worth: Array
  is_there: Array

  @property
  def gap(self) -> Array:
    """[n] of the first over the second."""
    return self.worth[:, 0] - self.worth[:, 1]

  @property
  def weights(self) -> Array:
    """[n] float32: 1 for a pair."""
    return jnp.all(self.is_there, axis=1).astype(jnp.float32)


def preference(
  config: base.ObjectiveConfig,
  model: config_lib.ModelConfig,
  out: base.Outputs,
  batch: base.Batch,
) -> base.Loss:
  """Bradley-Terry at the last steps' ends, or at all of them ("steps")."""
  del model
  sides, mask = _worth(batch, PAIR), batch["weights"] > 0
  table, there = sequences.table(base.of(out.values), batch["side"], mask, PAIR)
  margin = config.alpha * sides.gap if config.alpha else jnp.zeros(len(table))
  if config.form == "steps":
    both = jnp.all(there, axis=1).astype(jnp.float32)
    return preferences.steps_sum(
      table[:, 0], table[:, 1], both, margin=margin[:, None]
    )
  better, worse = sequences.last(table, there)[0].T
  if config.form == "soft":
    target = preferences.preferred(sides.worth[:, 0], sides.worth[:, 1])
    return preferences.soft_pair(better, worse, target, sides.weights)
  if config.form == "scaled":
    gap = jnp.maximum(sides.gap, 0.0)
    return preferences.scaled(better, worse, sides.weights, gap=gap)
  return ranking.bradley_terry(better, worse, sides.weights, margin=margin)


def regression_preference(
  config: base.ObjectiveConfig,
  model: config_lib.ModelConfig,
  out: base.Outputs,
  batch: base.Batch,
) -> base.Loss:
  """Both values themselves, and alpha times their order."""
  regression = value.binary_cross_entropy(
    base.of(out.values), batch["targets"], batch["weights"]
  )
  own = dataclasses.replace(config, alpha=0.0, form="scaled")
  order = preference(own, model, out, batch)
  return reduction.sum_of_means(
    regression, order, coefficient=config.alpha, prefix="pair"
  )


def general_preference(
  config: base.ObjectiveConfig,
  model: config_lib.ModelConfig,
  out: base.Outputs,
  batch: base.Batch,
) -> base.Loss:
  """Of embeddings, which are the value head's outputs at the last ends."""
  del model
  read, mask = base.of(out.values), batch["weights"] > 0
  vectors = jax.vmap(  # [n, 2, d]
    lambda part: sequences.last(
      *sequences.table(part, batch["side"], mask, PAIR)
    )[0],
    in_axes=-1,
    out_axes=-1,
  )(read)
  sides = _worth(batch, PAIR)
  target: Any = 1.0
  if config.form == "soft":
    target = preferences.preferred(sides.worth[:, 0], sides.worth[:, 1])
  return embeddings.general_preference(
    vectors[:, 0],
    vectors[:, 1],
    sides.weights,
    target=target,
    temperature=config.beta,
  )


def step_dpo(
  config: base.ObjectiveConfig,
  model: config_lib.ModelConfig,
  out: base.Outputs,
  batch: base.Batch,
) -> base.Loss:
  """Log-ratios of the tokens where the two differ, and of no other."""
  del model
  sides = _worth(batch, PAIR)
  better, worse = _ratios(out, batch, PAIR).T
  if config.form == "ipo":
    return preferences.identity(better, worse, sides.weights, beta=config.beta)
  better, worse = config.beta * better, config.beta * worse
  if config.form == "visits":
    visits, _ = _column("visits", batch, PAIR)
    smoothing = preferences.visit_smoothing(visits[:, 0], visits[:, 1])
    return preferences.conservative(
      better, worse, sides.weights, smoothing=smoothing
    )
  if config.smoothing:
    return preferences.conservative(
      better, worse, sides.weights, smoothing=config.smoothing
    )
  margin = config.alpha * sides.gap if config.alpha else 0.0
  return ranking.bradley_terry(better, worse, sides.weights, margin=margin)


def preference_list(
  config: base.ObjectiveConfig,
  model: config_lib.ModelConfig,
  out: base.Outputs,
  batch: base.Batch,
) -> base.Loss:
  del model
  sides = _worth(batch, config.list_size)
  scores = config.beta * _ratios(out, batch, config.list_size)
  return lists.preference_list(
    scores,
    sides.worth,
    sides.is_there,
    weighting=cast(lists.Weighting, config.form),
  )


def alignment(
  config: base.ObjectiveConfig,
  model: config_lib.ModelConfig,
  out: base.Outputs,
  batch: base.Batch,
) -> base.Loss:
  """The ordering beside next-token prediction of the right solutions."""
  del model
  side, weights = batch["side"], batch["weights"]
  log_prob = _log_probs(base.of(out.logits), batch)
  sides = _worth(batch, config.list_size)
  total = sequences.sums(log_prob * weights, side, config.list_size)
  count = sequences.sums(weights, side, config.list_size)
  order = lists.alignment(
    total / jnp.maximum(count, 1),
    sides.worth > 0.5,
    sides.is_there,
    constraint=cast(lists.Constraint, config.form),
    margin=config.alpha,
  )
  right = jnp.where(batch["targets"] > 0.5, weights, 0.0)
  following, mask = lm.next_tokens(batch["tokens"], side, right)
  written = lm.cross_entropy(base.of(out.logits), following, mask)
  return reduction.sum_of_means(written, order, coefficient=1.0, prefix="pair")


def log_ratio(
  config: base.ObjectiveConfig,
  model: config_lib.ModelConfig,
  out: base.Outputs,
  batch: base.Batch,
) -> base.Loss:
  """Rewards that are log-ratios, from outcomes ("ce", "kto") or pairs."""
  del model
  sides = _worth(batch, config.list_size)
  reward = config.beta * _ratios(out, batch, config.list_size)
  there, right = sides.is_there, sides.worth > 0.5
  if config.form == "ce":
    return implicit.cross_entropy(
      reward.ravel(), sides.worth.ravel(), there.ravel().astype(jnp.float32)
    )
  if config.form == "kto":
    mean = jnp.sum(jnp.where(there, reward, 0)) / jnp.maximum(there.sum(), 1)
    return implicit.kto(
      reward.ravel(),
      right.ravel().astype(jnp.float32),
      jnp.maximum(mean, 0.0),
      there.ravel().astype(jnp.float32),
    )
  pairs = (right & there)[:, :, None] & (~right & there)[:, None]
  chosen = jnp.broadcast_to(reward[:, :, None], pairs.shape).ravel()
  rejected = jnp.broadcast_to(reward[:, None], pairs.shape).ravel()
  fn = implicit.dpo if config.form == "dpo" else implicit.nca
  return fn(chosen, rejected, pairs.ravel().astype(jnp.float32))


def _worth(batch: base.Batch, num_sides: int) -> Sides:
  return Sides(*_column("targets", batch, num_sides))


def _column(
  name: str, batch: base.Batch, num_sides: int
) -> tuple[Array, Array]:
  """What a column says of each sequence, and whether there is one."""
  mask = batch["weights"] > 0
  return sequences.last(
    *sequences.table(batch[name], batch["side"], mask, num_sides)
  )


def _log_probs(logits: Array, batch: base.Batch) -> Array:
  return lm.token_log_probs(logits, batch["tokens"], batch["side"])


def _ratios(out: base.Outputs, batch: base.Batch, num_sides: int) -> Array:
  """[n, m] weighted sums of the supervised tokens' log-ratios."""
  own = _log_probs(base.of(out.logits), batch)
  ref = _log_probs(base.of(out.reference), batch)
  ratio = (own - ref) * batch["weights"]
  return sequences.sums(ratio, batch["side"], num_sides)
