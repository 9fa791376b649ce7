"""Beam search whose steps are single tokens, ranked by value or likelihood."""

import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import types
from prm_jax.search import base


def log_likelihood(step_fn: base.StepFn) -> base.StepFn:
  """`step_fn` with the policy's log-probability of the step for a score.

  With `aggregate.sum` or `aggregate.mean` a `step_beam` then ranks prefixes
  as beam search for text does, by log p(tokens) or by its mean over steps. A
  step function limited to one token makes it the token-level search: K rows
  sampled, b kept. Verifier costs stay, as `step_fn` has had the step judged.
  """

  def scored(
    params: types.Params,
    rng_keys: Array,
    embedding: base.Embedding,
    active: Array | None = None,
    /,
  ) -> tuple[base.StepOutput, base.Embedding]:
    output, embedding = step_fn(params, rng_keys, embedding, active)
    score = output.log_prob + output.log_ratio
    return output._replace(score=jnp.asarray(score)), embedding

  return scored
