"""Confidence by similarity, distance and magnitude (SDM, arXiv:2502.20167).

  SDM(z)_i = (2 + q)^{d z_i} / sum_c (2 + q)^{d z_c}

q counts the nearest training examples, from the closest on, that were
predicted correctly and have the predicted class; d is 1 less the share of
distances that were smaller. Far away (d = 0) it is uniform whatever the
logits say; with q = e - 2 and d = 1 it is softmax.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int

Array = jax.Array


class Neighbours(NamedTuple):
  """Of each example.

  Attributes:
    similarity: [n] q, at most the number of training examples.
    distance: [n] to the nearest training example.
  """

  similarity: Array
  distance: Array


def activation(
  logits: Float[Array, "n c"],
  similarity: Float[Array, "n"],
  distance_rank: Float[Array, "n"],
) -> Float[Array, "n c"]:
  """SDM(z) of each example.

  Args:
    logits: z.
    similarity: q, at least 0.
    distance_rank: d in [0, 1].
  """
  rate = jnp.log(2 + similarity) * distance_rank
  return jax.nn.softmax(rate[:, None] * logits, axis=1)


def loss(
  shares: Float[Array, "n c"],
  labels: Int[Array, "n"],
  similarity: Float[Array, "n"],
) -> Float[Array, ""]:
  """Mean -log of the label's share, to the base 2 + q."""
  chosen = jnp.take_along_axis(shares, labels[:, None], axis=1)[:, 0]
  return jnp.mean(-jnp.log(chosen) / jnp.log(2 + similarity))


def neighbours(
  features: Float[Array, "n d"],
  predicted: Int[Array, "n"],
  train_features: Float[Array, "m d"],
  train_predicted: Int[Array, "m"],
  train_right: Bool[Array, "m"],
) -> Neighbours:
  """q and the distance of examples to a training set that they are not in.

  Args:
    features: what the classifier sees last.
    predicted: its classes.
    train_features: of the training set.
    train_predicted: its classes there.
    train_right: where these are the true ones.
  """
  # Not by |a|^2 - 2 ab + |b|^2, which loses what is near in float32.
  gap = lambda one: jnp.linalg.norm(train_features - one, axis=-1)
  gaps = jax.lax.map(gap, features)
  order = jnp.argsort(gaps, axis=1, stable=True)
  good = train_right[order] & (train_predicted[order] == predicted[:, None])
  counted = jnp.cumprod(good, axis=1).sum(axis=1)
  return Neighbours(counted.astype(gaps.dtype), jnp.min(gaps, axis=1))


def distance_rank(
  distance: Float[Array, "n"],
  predicted: Int[Array, "n"],
  held_out: Float[Array, "m"],
  held_out_labels: Int[Array, "m"],
) -> Float[Array, "n"]:
  """d = 1 - share of the class's held-out distances below one's own.

  A class without held-out examples gives 0: nothing is known there.

  Args:
    distance: to the nearest training example.
    predicted: classes.
    held_out: distances of held-out examples.
    held_out_labels: their true classes.
  """
  same = held_out_labels[None] == predicted[:, None]
  below = same & (held_out[None] < distance[:, None])
  count = jnp.sum(same, axis=1)
  share = jnp.sum(below, axis=1) / jnp.maximum(count, 1)
  return jnp.where(count > 0, 1 - share, 0.0)
