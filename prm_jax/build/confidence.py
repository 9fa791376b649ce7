"""A value head's confidence near what it was trained on (SDM, 2502.20167)."""

import dataclasses
import pathlib
import zipfile
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax import errors
from prm_jax.build import predictions
from prm_jax.data import examples as examples_lib
from prm_jax.data import pipeline
from prm_jax.models import heads, lm, reads
from prm_jax.objectives import sdm
from prm_jax.types import Array, Params

FILE = "bank.npz"


class Bank(NamedTuple):
  """What is near and what is far.

  Attributes:
    features: [m, d] float32 of training places.
    predicted: [m] int32 classes there, 1: right.
    is_hit: [m] bool, the class is the true one.
    distance: [h] float32 of held-out places to the nearest training place.
    label: [h] int32 true classes there.
  """

  features: Array | np.ndarray
  predicted: Array | np.ndarray
  is_hit: Array | np.ndarray
  distance: Array | np.ndarray
  label: Array | np.ndarray


@dataclasses.dataclass(frozen=True)
class Confidence:
  """The share of «right» under SDM of the logits (0, log-odds of right).

  1/2 where nothing like it was seen. `params` are those of the model, "model",
  and the fields of a `Bank`, "bank".

  Attributes:
    model: has a value head.
  """

  model: lm.Model

  def __call__(self, params: Params, texts: reads.Texts) -> Array:
    own, bank = params["model"], Bank(**params["bank"])
    hidden = reads.hidden_at(self.model, own, texts)
    values = lm.values(self.model, own, hidden)
    score = heads.to_probability(values, self.model.config)
    flat = hidden.reshape(-1, hidden.shape[-1])
    return of_bank(flat, score.reshape(-1), bank).reshape(score.shape)


def of_bank(features: Array, score: Array, bank: Bank) -> Array:
  """[n] of places with features [n, d] and scores [n] in [0, 1]."""
  tiny = jnp.finfo(jnp.float32).eps
  odds = jax.scipy.special.logit(jnp.clip(score, tiny, 1 - tiny))
  predicted = (score > 0.5).astype(jnp.int32)
  near = sdm.neighbours(
    features.astype(jnp.float32),
    predicted,
    jnp.asarray(bank.features),
    jnp.asarray(bank.predicted),
    jnp.asarray(bank.is_hit),
  )
  rank = sdm.distance_rank(
    near.distance,
    predicted,
    jnp.asarray(bank.distance),
    jnp.asarray(bank.label),
  )
  logits = jnp.stack([jnp.zeros_like(odds), odds], axis=1)
  return sdm.activation(logits, near.similarity, rank)[:, 1]


class _Places(NamedTuple):
  """What is supervised."""

  features: np.ndarray
  predicted: np.ndarray
  label: np.ndarray


def fit(
  model: lm.Model,
  params: Params,
  train: examples_lib.Examples,
  held_out: examples_lib.Examples,
  data: pipeline.PipelineConfig,
  *,
  size: int = 2000,
  seed: int = 0,
) -> Bank:
  """The bank of a trained verifier.

  Args:
    model: has a value head.
    params: its parameters.
    train: what it was trained on, labels and all; those longer than a row were
      left out before.
    held_out: of the same kind.
    data: shapes of the batches.
    size: most training places that are kept, and most held-out ones.
    seed: of their choice.
  """
  rng = np.random.default_rng(seed)
  near, other = (
    _places(model, params, part, data, size, rng) for part in (train, held_out)
  )
  is_hit = near.predicted == near.label
  found = sdm.neighbours(
    *map(jnp.asarray, (other.features, other.predicted)),
    *map(jnp.asarray, (near.features, near.predicted, is_hit)),
  )
  distance = np.asarray(found.distance)
  return Bank(near.features, near.predicted, is_hit, distance, other.label)


def _places(model, params, examples, data, size, rng):
  """A random part of the supervised places, by whole examples."""
  order = rng.permutation(len(examples))
  ends = examples.offsets[1:]
  read = np.add.accumulate(examples.columns["weights"] > 0, dtype=np.int64)
  count = np.diff(read[ends - 1], prepend=0)[order]
  num = int(np.searchsorted(np.cumsum(count), size)) + 1
  part = examples.take(np.sort(order[:num]))
  there = part.columns["weights"] > 0
  said, seen = predictions.scores_and_features(model, params, part, data)
  label = part.columns["targets"][there] > 0.5
  return _Places(
    seen[there][:size],
    (said[there] > 0.5).astype(np.int32)[:size],
    label.astype(np.int32)[:size],
  )


def write(path: pathlib.Path, bank: Bank) -> None:
  """As a file of arrays, without pickles."""
  arrays: dict[str, Any] = {
    name: np.asarray(own) for name, own in bank._asdict().items()
  }
  with path.open("wb") as file:
    np.savez(file, **arrays)


def read(path: pathlib.Path) -> Bank:
  """UserError where there is no such file, or it holds others."""
  try:
    with np.load(path, allow_pickle=False) as found:
      return Bank(**{name: found[name] for name in Bank._fields})
  except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
    raise errors.UserError(f"bank: {path}: {error}") from error
