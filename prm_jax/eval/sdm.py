"""Confidence by similarity, distance and magnitude (SDM, arXiv:2502.20167).

  SDM(z)_i = (2 + q)^{d z_i} / sum_c (2 + q)^{d z_c}

q counts the nearest training examples, from the closest on, that were
predicted correctly and have the predicted class; d is 1 less the share of
distances that were smaller. Far away (d = 0) it is uniform whatever the
logits say; with q = e - 2 and d = 1 it is softmax.
"""

from typing import NamedTuple

import numpy as np
import scipy.spatial.distance
import scipy.special
from jaxtyping import Float, Int


class Neighbours(NamedTuple):
  """Of each example.

  Attributes:
    similarity: [n] q, at most the number of training examples.
    distance: [n] to the nearest training example.
  """

  similarity: np.ndarray
  distance: np.ndarray


def activation(
  logits: Float[np.ndarray, "n c"],
  similarity: Float[np.ndarray, "n"],
  distance_rank: Float[np.ndarray, "n"],
) -> Float[np.ndarray, "n c"]:
  """SDM(z) of each example.

  Args:
    logits: z.
    similarity: q, at least 0.
    distance_rank: d in [0, 1].
  """
  rate = np.log(2 + similarity) * distance_rank
  return scipy.special.softmax(rate[:, None] * logits, axis=1)


def loss(
  shares: Float[np.ndarray, "n c"],
  labels: Int[np.ndarray, "n"],
  similarity: Float[np.ndarray, "n"],
) -> float:
  """Mean -log of the label's share, to the base 2 + q."""
  chosen = shares[np.arange(len(labels)), labels]
  return float(np.mean(-np.log(chosen) / np.log(2 + similarity)))


def neighbours(
  features: Float[np.ndarray, "n d"],
  predicted: Int[np.ndarray, "n"],
  train_features: Float[np.ndarray, "m d"],
  train_predicted: Int[np.ndarray, "m"],
  train_labels: Int[np.ndarray, "m"],
) -> Neighbours:
  """q and the distance of examples to a training set that they are not in.

  Args:
    features: what the classifier sees last.
    predicted: its classes.
    train_features: of the training set.
    train_predicted: its classes there.
    train_labels: the true ones.
  """
  gaps = scipy.spatial.distance.cdist(features, train_features)
  order = np.argsort(gaps, axis=1, kind="stable")
  good = (train_predicted == train_labels)[order] & (
    train_predicted[order] == predicted[:, None]
  )
  counted = np.cumprod(good, axis=1).sum(axis=1)
  nearest = np.take_along_axis(gaps, order[:, :1], axis=1)[:, 0]
  return Neighbours(counted.astype(np.float64), nearest)


def distance_rank(
  distance: Float[np.ndarray, "n"],
  predicted: Int[np.ndarray, "n"],
  held_out: Float[np.ndarray, "m"],
  held_out_labels: Int[np.ndarray, "m"],
) -> Float[np.ndarray, "n"]:
  """d = 1 - share of the class's held-out distances below one's own.

  A class without held-out examples gives 0: nothing is known there.

  Args:
    distance: to the nearest training example.
    predicted: classes.
    held_out: distances of held-out examples.
    held_out_labels: their true classes.
  """
  found = np.zeros(len(distance))
  for kind in np.unique(predicted):
    own = np.sort(held_out[held_out_labels == kind])
    here = predicted == kind
    if len(own):
      below = np.searchsorted(own, distance[here], side="left")
      found[here] = 1 - below / len(own)
  return found
