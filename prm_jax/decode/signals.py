"""Scores without a verifier, from the laws of a policy that reads the text.

They are no probabilities, but more is better, so beams may rank by them. The
policy reads once more what was written, with a cache of its own; what it takes
is in the verifier's tokens.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from prm_jax import errors
from prm_jax.decode import certainty, laws, reading
from prm_jax.models import cache, lm, paged
from prm_jax.types import Array

# `(prompts [B, P], length [B]) -> (prompts, length)` of another reader.
MaskFn: TypeAlias = Callable[[Array, Array], tuple[Array, Array]]


def reference_divergence(
  logits: Array, masked: Array, temperature: float
) -> Array:
  """KL(Q || P) of a reader who does not know what is asked (2510.05681).

  Args:
    logits: [..., v] of P, which knows it.
    masked: [..., v] of Q.
    temperature: of Q; infinite makes this `certainty.self_certainty`.
  """
  log_q = jax.nn.log_softmax(masked.astype(jnp.float32) / temperature, axis=-1)
  log_p = jax.nn.log_softmax(logits.astype(jnp.float32), axis=-1)
  return jnp.sum(jnp.exp(log_q) * (log_q - log_p), axis=-1)


def blank(token: int) -> MaskFn:
  """Puts one token in the place of every token of the prompt."""

  def mask(prompts: Array, length: Array) -> tuple[Array, Array]:
    return jnp.full_like(prompts, token), length

  return mask


@dataclasses.dataclass(frozen=True, eq=False)
class LawScorer:
  """The mean of a statistic of the laws that the tokens were drawn from.

  Attributes:
    policy: reads; its parameters are params["verifier"].
    statistic: logits [..., v] of each reader -> [...].
    masks: one for each reader besides the one that knows the prompt.
    first: tokens of a row that count; 0: all.
    chunk: tokens read at once.
    layout: of the caches.
  """

  policy: lm.Model
  statistic: Callable[..., Array] = certainty.self_certainty
  masks: tuple[MaskFn, ...] = ()
  first: int = 0
  chunk: int = 8
  layout: cache.Layout = cache.CONTIGUOUS

  def __post_init__(self):
    if self.first < 0 or self.chunk < 1:
      raise errors.UserError("verifier: first and chunk must be at least 0, 1")

  def start(self, params, prompts, prompt_length, num_rows, max_tokens):
    views = [(prompts, prompt_length)]
    views += [mask(prompts, prompt_length) for mask in self.masks]
    begun = [
      self._reader.start(params["verifier"], *view, num_rows, max_tokens)
      for view in views
    ]
    read, readers = zip(*begun, strict=True)
    shape = (prompts.shape[0], num_rows)
    zeros = jnp.zeros(shape, jnp.float32)
    return read, laws.Rows((zeros, jnp.zeros(shape, jnp.int32)), readers)

  def score(self, params, step, prompt, rows):
    texts = reading.Texts(step.tokens, step.start, step.length)
    readers = [(self._reader, params["verifier"])] * len(rows.readers)
    rows = laws.read(readers, texts, self.chunk, prompt, rows, self._add)
    total, num = rows.total
    num_new = step.length - step.start
    return total / jnp.maximum(num, 1), num_new * len(readers), rows

  def _add(
    self,
    total: tuple[Array, Array],
    chunk: reading.Chunk,
    logits: Sequence[Array],
  ) -> tuple[Array, Array]:
    """Sums [B, N] of the statistic, and of how many tokens."""
    counts = chunk.is_there
    if self.first:
      counts &= chunk.places < self.first
    value = jnp.where(counts, self.statistic(*logits), 0)
    return (
      total[0] + jnp.sum(value, axis=-1),
      total[1] + jnp.sum(counts, axis=-1, dtype=jnp.int32),
    )

  @property
  def _reader(self) -> laws.LawReader:
    return laws.LawReader(self.policy, self.layout)


class _Answering(NamedTuple):
  """What is known of each row."""

  past: Array  # [B, N, K] float32 entropies before the last K steps
  steps: Array  # [B, N] int32
  rows: cache.Rows


@dataclasses.dataclass(frozen=True, eq=False)
class AnswerEntropy:
  """Minus the entropy of the answer that the policy would give now.

  After each step it is made to answer: behind the text stands a cue, then the
  likeliest tokens; the score is minus the mean entropy of their laws, given
  those before. That is our way to use what arXiv 2508.20395 measures with the
  true answer, whose entropy falls on the way to right answers. A row whose
  entropy has risen by more than `rise` in `back` steps scores -inf.

  Attributes:
    policy: reads; its parameters are params["verifier"].
    cue: tokens such as those of "The final answer is".
    answer: tokens of the answer.
    back: steps looked back.
    rise: in nats.
    chunk: tokens read at once.
    layout: of the cache; where that says how many pages there are, what is
      written behind the texts of the rows gets pages beside them.
  """

  policy: lm.Model
  cue: tuple[int, ...]
  answer: int = 1
  back: int = 2
  rise: float = float("inf")
  chunk: int = 10
  layout: cache.Layout = cache.CONTIGUOUS

  def __post_init__(self):
    if not self.cue or min(self.answer, self.back) < 1:
      raise errors.UserError("verifier: cue, answer and back: at least 1 each")

  def start(self, params, prompts, prompt_length, num_rows, max_tokens):
    _, prompt = lm.read_prompts(
      self.policy, params["verifier"], prompts, prompt_length
    )
    shape = (prompts.shape[0], num_rows)
    layout = self.layout
    if isinstance(layout, paged.Paged) and layout.pages:
      ahead = num_rows * -(-self._ahead // layout.page)
      layout = dataclasses.replace(layout, pages=layout.pages + ahead)
    room = max_tokens + self._ahead
    return prompt, _Answering(
      jnp.zeros((*shape, self.back), jnp.float32),
      jnp.zeros(shape, jnp.int32),
      layout.empty_rows(self.policy.config.transformer, *shape, room),
    )

  @property
  def _ahead(self) -> int:
    """Tokens that are written behind a text; the answer's last is not read."""
    return len(self.cue) + self.answer - 1

  def score(self, params, step, prompt, rows):
    new = step.length > step.start
    texts = reading.Texts(step.tokens, step.start, step.length)
    config = self.policy.config.transformer
    hidden = jnp.zeros((*new.shape, config.embed_dim), config.jax_dtype)
    _, read = reading.Reader(self.policy, self.chunk)(
      params["verifier"], texts, prompt, rows.rows, hidden
    )
    entropy, asked = self._entropy(params["verifier"], prompt, read, new)
    old = rows.past[..., 0]
    risen = (rows.steps >= self.back) & (entropy - old > self.rise)
    past = jnp.concatenate([rows.past[..., 1:], entropy[..., None]], axis=-1)
    rows = _Answering(
      jnp.where(new[..., None], past, rows.past),
      rows.steps + new,
      asked.rewind(step.length),
    )
    num_new = step.length - step.start + self._ahead
    num_read = jnp.where(new, num_new, 0)
    return jnp.where(risen, -jnp.inf, -entropy), num_read, rows

  def _entropy(
    self, params: Any, prompt: cache.PromptCache, rows: Any, new: Array
  ) -> tuple[Array, Any]:
    """Mean entropy [B, N] of the answer's laws, and the rows behind it."""
    cue = jnp.broadcast_to(
      jnp.array(self.cue, jnp.int32), (*new.shape, len(self.cue))
    )
    total = jnp.zeros(new.shape, jnp.float32)
    tokens = cue
    for _ in range(self.answer):
      count = jnp.where(new, tokens.shape[-1], 0)
      hidden, rows = lm.extend_rows(
        self.policy, params, tokens, count, prompt, rows
      )
      log_p = jax.nn.log_softmax(
        lm.logits(self.policy, params, hidden[:, :, -1]), axis=-1
      )
      total -= jnp.sum(jnp.exp(log_p) * log_p, axis=-1)
      tokens = jnp.argmax(log_p, axis=-1)[..., None].astype(jnp.int32)
    return total / self.answer, rows
