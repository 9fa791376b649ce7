"""Step scores of given solutions: problems and steps in, scores out.

Solutions are sorted by length and read in a few fixed shapes, so that few
programs are compiled and little is padding; the head sees the places that are
read and no other.
"""

import collections
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax import errors
from prm_jax.models import reads
from prm_jax.tasks import base as tasks
from prm_jax.text import steps as steps_lib
from prm_jax.types import Array, Params

OVERLONG = ("stop", "left", "skip")
# A CPU is fastest while a batch's activations fit its caches.
_BATCH_TOKENS = collections.defaultdict(lambda: 16_384, cpu=2048)
_SLOTS = 32  # lengths of texts are multiples of it
_PLACES = 8  # that are read of a text, at least; beyond, powers of two
_AHEAD = 2  # batches that the device has to do while the host reads another
_GROWTH = 1.2  # from one length to the next, at least


@dataclasses.dataclass(frozen=True)
class ScoringConfig:
  """Shapes of the programs.

  Attributes:
    batch_tokens: slots of one forward, padding included; 0: as the device
      wants it, see `_BATCH_TOKENS`.
    max_tokens: context of the model; 0: unlimited.
    overlong: what happens to texts beyond it: "stop" with an error, drop
      tokens on the "left", as long as no place that is read goes, or "skip"
      the solution, whose scores are then absent.
  """

  batch_tokens: int = 0
  max_tokens: int = 0
  overlong: str = "stop"

  def __post_init__(self):
    if self.batch_tokens < 0:
      raise errors.UserError("batch_tokens: must be at least 0 (0: any)")
    if self.max_tokens < 0:
      raise errors.UserError("max_tokens: must be at least 0 (0: unlimited)")
    if self.overlong not in OVERLONG:
      raise errors.UserError(
        f"overlong: {self.overlong!r} is not one of {', '.join(OVERLONG)}"
      )


class Scored(NamedTuple):
  """What one solution got.

  Attributes:
    scores: float32 [k], one per step; None where the solution was skipped.
    num_tokens: of all that is read of it, before any was dropped.
    num_dropped: tokens dropped on the left.
  """

  scores: np.ndarray | None
  num_tokens: int
  num_dropped: int


class TextScorer:
  """A verifier that scores encoded solutions.

  Args:
    reading: how places get their scores.
    params: what it asks for.
    config: shapes.
  """

  def __init__(
    self, reading: reads.Reading, params: Params, config: ScoringConfig
  ):
    self._params = params
    self._config = config
    self._reading = reading

  def score(
    self,
    texts: Sequence[steps_lib.EncodedSolution],
    names: Sequence[str],
    on_batch: Callable[[int], None] | None = None,
  ) -> list[Scored]:
    """Scores of encoded solutions, in their order.

    Args:
      texts: tokens and the places that are read.
      names: of the solutions, for messages.
      on_batch: told how many are done.

    Raises:
      UserError: names the solution that is too long.
    """
    parts = [
      _Part(index, own)
      for index, text in enumerate(texts)
      for own in text.texts
    ]
    cuts = [self._fit(part.text, names[part.owner]) for part in parts]
    unread = {
      part.owner for part, cut in zip(parts, cuts, strict=True) if cut is None
    }
    kept = {
      place: cut
      for place, (part, cut) in enumerate(zip(parts, cuts, strict=True))
      if cut is not None and part.owner not in unread
    }
    found: list[list[np.ndarray]] = [[] for _ in texts]
    dropped = [0] * len(texts)
    waiting = collections.Counter(parts[place].owner for place in kept)
    size = self._config.batch_tokens or _BATCH_TOKENS[jax.default_backend()]
    scores: dict[int, np.ndarray] = {}
    for batch, values in self._computed(_batches(kept, size)):
      for row, place in enumerate(batch.indices):
        scores[place] = values[row, : len(kept[place].step_end)]
      waiting.subtract(parts[place].owner for place in batch.indices)
      if on_batch is not None:
        on_batch(len(texts) - len(+waiting))
    for place, cut in kept.items():
      owner, own = parts[place]
      found[owner].append(scores[place])
      dropped[owner] += len(own.tokens) - len(cut.tokens)
    return [
      Scored(np.concatenate(own) if own else None, text.num_tokens, lost)
      for own, text, lost in zip(found, texts, dropped, strict=True)
    ]

  def _computed(
    self, batches: Iterator["_Batch"]
  ) -> Iterator[tuple["_Batch", np.ndarray]]:
    """Batches with their scores; some are under way while one is waited for."""
    waiting: collections.deque[tuple[_Batch, Array]] = collections.deque()
    for batch in batches:
      run = _run(self._reading, self._params, batch.texts)
      waiting.append((batch, run))
      if len(waiting) > _AHEAD:
        first, values = waiting.popleft()
        yield first, np.asarray(values)
    for batch, values in waiting:
      yield batch, np.asarray(values)

  def _fit(
    self, text: steps_lib.EncodedSolution, name: str
  ) -> steps_lib.EncodedSolution | None:
    """The text as the model can read it; None: not at all."""
    spare = len(text.tokens) - self._config.max_tokens
    if not self._config.max_tokens or spare <= 0:
      return text
    if self._config.overlong == "skip":
      return None
    first = int(text.step_end.min())
    if self._config.overlong == "stop" or spare > first:
      lost = "" if self._config.overlong == "stop" else (
        f", and dropping {spare} on the left would take a step that is read"
      )  # fmt: skip
      raise errors.UserError(
        f"{name}: {len(text.tokens)} tokens, the model reads "
        f"{self._config.max_tokens}{lost}; see config.overlong"
      )
    return steps_lib.EncodedSolution(
      text.tokens[spare:],
      max(text.prompt_length - spare, 0),
      text.step_end - spare,
    )


class StepScorer(TextScorer):
  """A verifier that scores solutions.

  Args:
    reading: how places get their scores.
    params: what it asks for.
    encode: (question, steps) -> tokens and the places that are read.
    config: shapes.
  """

  def __init__(
    self,
    reading: reads.Reading,
    params: Params,
    encode: Callable[[str, Sequence[str]], steps_lib.EncodedSolution],
    config: ScoringConfig,
  ):
    super().__init__(reading, params, config)
    self._encode = encode

  def __call__(
    self,
    problems: Sequence[tasks.Problem],
    given: Sequence[Sequence[str]],
  ) -> list[np.ndarray]:
    """One float32 array per solution, one score per step.

    Raises:
      UserError: names the problem: no steps, an empty one, too long a text;
        nothing is skipped here.
    """
    found = []
    for problem, steps in zip(problems, given, strict=True):
      try:
        found.append(self._encode(problem.prompt, steps))
      except errors.UserError as error:
        raise errors.UserError(f"problem {problem.id}: {error}") from error
    scored = self.score(found, [f"problem {p.id}" for p in problems])
    for problem, one in zip(problems, scored, strict=True):
      if one.scores is None:
        raise errors.UserError(
          f"problem {problem.id}: {one.num_tokens} tokens, the model reads "
          f"{self._config.max_tokens}"
        )
    return [one.scores for one in scored if one.scores is not None]


# Shared by scorers of one architecture: formats differ on the host alone.
_run = jax.jit(
  lambda reading, params, texts: reading(params, texts), static_argnums=0
)


class _Part(NamedTuple):
  """A text to be read, and the solution that it is of."""

  owner: int
  text: steps_lib.EncodedSolution


class _Batch(NamedTuple):
  indices: Sequence[int]
  texts: reads.Texts


def _batches(
  texts: dict[int, steps_lib.EncodedSolution], batch_tokens: int
) -> Iterator[_Batch]:
  """Batches of few shapes, the longest text first.

  A batch is as long as its first text wants, and has as many rows as its slots
  allow; so all but the last are full, of texts of nearly one length.
  """
  order = sorted(texts, key=lambda i: len(texts[i].tokens), reverse=True)
  most = max((len(text.step_end) for text in texts.values()), default=1)
  places = max(_PLACES, 1 << (most - 1).bit_length())
  start = 0
  while start < len(order):
    slots = _slots(len(texts[order[start]].tokens))
    rows = max(batch_tokens // slots, 1)
    indices = order[start : start + rows]
    own = [texts[i] for i in indices]
    yield _Batch(indices, _padded(own, rows, slots, places))
    start += rows


def _slots(length: int) -> int:
  """The next of the lengths 32, 64, 96, ... that grow by a fifth at least."""
  slots = _SLOTS
  while slots < length:
    slots = max(int(slots * _GROWTH) // _SLOTS * _SLOTS, slots + _SLOTS)
  return slots


def _padded(
  texts: Sequence[steps_lib.EncodedSolution],
  rows: int,
  slots: int,
  places: int,
) -> reads.Texts:
  """Tokens [rows, slots] and places [rows, places]."""
  tokens = np.zeros((rows, slots), np.int32)
  length, prompt = np.ones(rows, np.int32), np.zeros(rows, np.int32)
  at = np.zeros((rows, places), np.int32)
  for row, text in enumerate(texts):
    tokens[row, : len(text.tokens)] = text.tokens
    length[row], prompt[row] = len(text.tokens), text.prompt_length
    at[row, : len(text.step_end)] = text.step_end
  return reads.Texts(*map(jnp.asarray, (tokens, length, prompt, at)))
