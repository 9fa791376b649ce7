"""Floating-point operations that a search takes of its models.

Counted are matrix products, two operations per multiplication and addition:
2 per parameter and token, and 4 * layers * heads * head_dim for every token
that a token sees, itself included (queries on keys, weights on values;
grouped queries do not lessen them). Norms, softmax, rotation and value heads
are left out: 1.5 % of a step of a model 128 wide, by the compiler's count.

These are the operations that the tokens need. What a program executes is
more, because idle rows and empty cache slots are computed as well:
`cost.slots` times `token` with all slots of the cache as context.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float, Integer, Num

from prm_jax.models import config as config_lib
from prm_jax.search import base

PerProblem: TypeAlias = Float[np.ndarray, "p"]


class Flops(NamedTuple):
  """Of a search, per problem; all [p] float64."""

  policy_prompt: np.ndarray  # reading the prompt, once for all rows
  policy: np.ndarray  # every token written, pruned ones included
  verifier_prompt: np.ndarray
  verifier: np.ndarray  # every token read
  target_prompt: np.ndarray  # of a second policy
  target: np.ndarray  # every token it wrote or read

  @property
  def total(self) -> np.ndarray:
    """All of them, [p]."""
    return sum(self, np.zeros_like(self.policy))


def of_search(
  cost: base.Cost,
  prompt_length: Integer[np.ndarray, "p"],
  length: Integer[np.ndarray, "p n"],
  policy: config_lib.ModelConfig,
  verifier: config_lib.ModelConfig | None = None,
  target: config_lib.ModelConfig | None = None,
) -> Flops:
  """Operations behind the counters of a search.

  Args:
    cost: counters, leaves [p].
    prompt_length: tokens of each prompt.
    length: tokens of the final rows, prompt not counted, from which follows
      how much a token saw, see `mean_context`.
    policy: the model that writes; it has an LM head.
    verifier: a model of its own that reads; None where there is none, or only
      a head on the policy's trunk.
    target: a second policy, `policy` then being the one that drafts: it reads
      what the second one writes, which its `policy_tokens` hold.

  Raises:
    ValueError: tokens were read and there is no verifier.
  """
  written = np.asarray(cost.policy_tokens, float)
  read = np.asarray(cost.verifier_tokens, float)

  def each(config: config_lib.TransformerConfig) -> PerProblem:
    context = mean_context(prompt_length, length, config.sliding_window)
    return token(config, context)

  trunk = policy.transformer
  head = 2.0 * trunk.vocab_size * trunk.embed_dim
  nothing = np.zeros_like(written)
  if verifier is None:
    if read.any():
      raise ValueError("a verifier read tokens: its config is needed")
    reading = nothing, nothing
  else:
    reader = verifier.transformer
    reading = prompt(reader, prompt_length), read * each(reader)
  second = nothing, nothing
  if target is not None:
    other = target.transformer
    went = np.broadcast_to(np.asarray(cost.target_tokens, float), written.shape)
    per_token = each(other) + 2.0 * other.vocab_size * other.embed_dim
    second = prompt(other, prompt_length), went * per_token
  return Flops(
    prompt(trunk, prompt_length),
    written * (each(trunk) + head),
    *reading,
    *second,
  )


def token(
  config: config_lib.TransformerConfig, context: Num[np.ndarray, "p"]
) -> PerProblem:
  """One token through the trunk, `context` visible to it; no LM head."""
  return 2.0 * _trunk_params(config) + _per_visible(config) * context


def prompt(
  config: config_lib.TransformerConfig, length: Integer[np.ndarray, "p"]
) -> PerProblem:
  """A whole text through the trunk, each token seeing those before it."""
  seen = _seen(length, config.sliding_window)
  return 2.0 * _trunk_params(config) * length + _per_visible(config) * seen


def mean_context(
  prompt_length: Integer[np.ndarray, "p"],
  length: Integer[np.ndarray, "p n"],
  window: int = 0,
) -> PerProblem:
  """Tokens that a written token sees, itself included, on average.

  Exact where every row was written from its start to its end (best of N). In
  a search that copies and drops rows, those that are left stand for all:
  attention is a small share as long as contexts are short against the width.

  Args:
    prompt_length: tokens of each prompt.
    length: tokens of the rows, prompt not counted.
    window: the most a token sees; 0: all.
  """
  before = prompt_length[:, None]
  seen = _seen(before + length, window) - _seen(before, window)
  return seen.sum(axis=1) / np.maximum(length.sum(axis=1), 1)


def _seen(length: np.ndarray, window: int) -> np.ndarray:
  """sum_{i = 1..length} min(i, window)."""
  short = np.minimum(length, window) if window else length
  return short * (short + 1.0) / 2 + (length - short) * window


def _trunk_params(config: config_lib.TransformerConfig) -> int:
  """Parameters in matrix products but for the LM head's."""
  return config.num_matmul_params - config.vocab_size * config.embed_dim


def _per_visible(config: config_lib.TransformerConfig) -> float:
  return 4.0 * config.num_layers * config.num_heads * config.head_dim
