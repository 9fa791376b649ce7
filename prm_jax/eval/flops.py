"""Floating-point operations that a search takes of its models.

Counted are matrix products, two operations per multiplication and addition:
2 per parameter and token, and 4 * layers * heads * head_dim for every token
that a token sees, itself included (queries on keys, weights on values;
grouped queries do not lessen them). Norms, softmax, rotation and value heads
are left out: 1.5 % of a step of a model 128 wide, by the compiler's count.

These are the operations that the tokens need. What a program executes is
more, because idle rows and empty cache slots are computed as well: for that
put `cost.slots` in place of the policy's tokens and all slots for the context.
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

  @property
  def total(self) -> np.ndarray:
    """All of them, [p]."""
    return sum(self, np.zeros_like(self.policy))


def of_search(
  cost: base.Cost,
  prompt_length: Integer[np.ndarray, "p"],
  context: PerProblem,
  policy: config_lib.ModelConfig,
  verifier: config_lib.ModelConfig | None = None,
) -> Flops:
  """Operations behind the counters of a search.

  Args:
    cost: counters, leaves [p].
    prompt_length: tokens of each prompt.
    context: tokens that a token of the search sees in the mean, see
      `mean_context`.
    policy: the model that writes; it has an LM head.
    verifier: a model of its own that reads; None where there is none, or only
      a head on the policy's trunk.

  Raises:
    ValueError: tokens were read and there is no verifier.
  """
  written = np.asarray(cost.policy_tokens, float)
  read = np.asarray(cost.verifier_tokens, float)
  trunk = policy.transformer
  head = 2.0 * trunk.vocab_size * trunk.embed_dim
  nothing = np.zeros_like(written)
  if verifier is None:
    if read.any():
      raise ValueError("a verifier read tokens: its config is needed")
    reading = nothing, nothing
  else:
    reader = verifier.transformer
    reading = prompt(reader, prompt_length), read * token(reader, context)
  return Flops(
    prompt(trunk, prompt_length),
    written * (token(trunk, context) + head),
    *reading,
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
  seen = length * (length + 1.0) / 2
  return 2.0 * _trunk_params(config) * length + _per_visible(config) * seen


def mean_context(
  prompt_length: Integer[np.ndarray, "p"], length: Integer[np.ndarray, "p n"]
) -> PerProblem:
  """Tokens that a written token sees, itself included, on average.

  Exact where every row was written from its start to its end (best of N). In
  a search that copies and drops rows, those that are left stand for all:
  attention is a small share as long as contexts are short against the width.

  Args:
    prompt_length: tokens of each prompt.
    length: tokens of the rows, prompt not counted.
  """
  total = length.sum(axis=1)
  inside = (length * (length + 1.0) / 2).sum(axis=1)
  return prompt_length + inside / np.maximum(total, 1)


def _trunk_params(config: config_lib.TransformerConfig) -> int:
  """Parameters in matrix products but for the LM head's."""
  return config.num_matmul_params - config.vocab_size * config.embed_dim


def _per_visible(config: config_lib.TransformerConfig) -> float:
  return 4.0 * config.num_layers * config.num_heads * config.head_dim
