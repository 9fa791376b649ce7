"""Bringing rows back to where they were some steps ago."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Array

from prm_jax.search import base, buffers


class Snapshots(NamedTuple):
  """How a row of an embedding is marked, and brought back to the mark.

  A row only grows, so a mark need not hold what it has written: of a language
  model's row the lengths, the last hidden state and a few numbers suffice,
  the cache stays where it is.

  Attributes:
    mark: `embedding -> marks`, a pytree of [B, N, ...] leaves.
    restore: `(embedding, marks, where [B, N]) -> embedding`: these rows are
      as they were when the marks were taken, of themselves or of a row from
      which they were forked later.
  """

  mark: Callable[[base.Embedding], Any]
  restore: Callable[[base.Embedding, Any, Array], base.Embedding]


# For embeddings of [B, N, ...] leaves that are small: a mark is a copy.
WHOLE = Snapshots(
  mark=lambda embedding: embedding,
  restore=lambda embedding, marks, where: buffers.where(
    where, marks, embedding
  ),
)
