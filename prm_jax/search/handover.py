"""A large policy takes over where a small one begins to doubt."""

from collections.abc import Callable
from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import types
from prm_jax.search import barriers, base, speculative

# `(before, after) -> [B, N] bool` of the text written in between.
SenseFn: TypeAlias = Callable[[base.Embedding, base.Embedding], Array]


def speculative_thinking(
  preview_fn: base.StepFn,
  large_fn: base.StepFn,
  rest_fn: base.StepFn,
  sense_fn: SenseFn,
  revert_fn: speculative.RevertFn = speculative.revert,
) -> base.StepFn:
  """Steps of a small policy whose doubts a large one writes (2504.12329).

  A step is what follows a delimiter. The small policy writes the first tokens
  of it, 20 in the paper; where `sense_fn` finds a word of doubt or of
  certainty in them, the large policy writes them instead. Then the small one
  goes on to the end of the step, if that was not reached yet.

  Both policies draw with the same keys, so a large policy that is the small
  one changes nothing; other policies are coupled by that, not independent.

  Args:
    preview_fn: small; cuts its steps after the first tokens.
    large_fn: the same of the large policy.
    rest_fn: small; goes on where a step was cut.
    sense_fn: which of the rows the large policy is to write.
    revert_fn: takes previews back.
  """
  preview_fn, large_fn, rest_fn = map(
    barriers.whole_step, (preview_fn, large_fn, rest_fn)
  )

  def step_fn(
    params: types.Params,
    rng_keys: Array,
    embedding: base.Embedding,
    active: Array | None = None,
    /,
  ) -> tuple[base.StepOutput, base.Embedding]:
    preview, begun = preview_fn(params, rng_keys, embedding, active)
    sensed = (preview.num_tokens > 0) & sense_fn(embedding, begun)
    embedding = revert_fn(embedding, begun, sensed)
    large, embedding = large_fn(params, rng_keys, embedding, sensed)
    first = speculative.merge(preview, large, sensed)
    cut = first.cut & ~first.done & (first.num_tokens > 0)
    rest, embedding = rest_fn(params, rng_keys, embedding, cut)
    return joined(first, rest, cut), embedding

  return step_fn


def joined(
  first: base.StepOutput, rest: base.StepOutput, cut: Array
) -> base.StepOutput:
  """One step of the two parts; `rest` has written in the rows `cut`."""
  both = lambda name: getattr(first, name) + getattr(rest, name)
  last = lambda name: jnp.where(cut, getattr(rest, name), getattr(first, name))
  either = lambda name: _or_zeros(first, name) + _or_zeros(rest, name)
  return base.StepOutput(
    **{name: last(name) for name in ("score", "done", "cut")},
    **{
      name: both(name) for name in ("log_prob", "num_tokens", "verifier_tokens")
    },
    log_ratio=jnp.zeros_like(first.log_ratio),
    iterations=both("iterations"),
    ready=first.ready & rest.ready,
    rejected_tokens=either("rejected_tokens"),
    target_tokens=either("target_tokens"),
  )


def _or_zeros(output: base.StepOutput, name: str) -> Array:
  found = getattr(output, name)
  return jnp.zeros_like(output.num_tokens) if found is None else found
