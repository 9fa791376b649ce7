"""A small policy drafts the steps, a large one writes those it got wrong."""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from prm_jax import errors, types
from prm_jax.search import barriers, base, buffers, loop

# Folded into a step's key; no row has these indices.
TARGET, ACCEPT = 2**31 - 2, 2**31 - 3

# `scores [B, N] -> probabilities [B, N]` that drafts are kept.
WeightFn: TypeAlias = Callable[[Array], Array]

# `(before, drafted, rejected [B, N]) -> embedding` with the rejected rows of
# `before` and the other rows of `drafted`.
RevertFn: TypeAlias = Callable[
  [base.Embedding, base.Embedding, Array], base.Embedding
]


def at_least(delta: ArrayLike) -> WeightFn:
  """Keeps what the verifier gives `delta` or more, NaN never."""
  return lambda score: (score >= delta).astype(jnp.float32)


def by_score(score: Array) -> Array:
  """Keeps with the probability that the score is; NaN is 0."""
  return jnp.clip(jnp.nan_to_num(score, nan=0.0), 0, 1)


def revert(
  before: base.Embedding, drafted: base.Embedding, rejected: Array
) -> base.Embedding:
  """Default RevertFn, for embeddings whose leaves are all [B, N, ...]."""
  return buffers.where(rejected, before, drafted)


def reward_guided(
  draft_fn: base.StepFn,
  target_fn: base.StepFn,
  weight_fn: WeightFn,
  revert_fn: RevertFn = revert,
) -> base.StepFn:
  """Steps of reward-guided speculative decoding (2501.19324), for any search.

  The draft policy writes a step. A row keeps it with probability `weight_fn`
  of its score; otherwise the target policy writes the step anew from the same
  prefix, and that one stays whatever its score. With a(z) that probability,
  the law of a step z after the prefix h is

    P(z|h) = P_draft(z|h) a(z) + (1 - sum_y P_draft(y|h) a(y)) P_target(z|h).

  So `log_prob` is that of the policy that wrote the step, not of this law,
  and `log_ratio` is 0: these steps are not for particle filters.

  The verifier reads both texts, for a step is judged after the steps before.
  Rejected drafts are in `rejected_tokens`; `target_tokens` went through the
  target policy: those it wrote, and what it read of drafts before. Problems
  wait for each other.

  Args:
    draft_fn: writes and scores the drafts.
    target_fn: writes and scores what stands in their place, with keys of its
      own.
    weight_fn: from scores to probabilities; `at_least(0.7)` in the paper.
    revert_fn: takes drafts back.
  """
  draft_fn, target_fn = (
    barriers.whole_step(draft_fn),
    barriers.whole_step(target_fn),
  )

  def step_fn(
    params: types.Params,
    rng_keys: Array,
    embedding: base.Embedding,
    active: Array | None = None,
    /,
  ) -> tuple[base.StepOutput, base.Embedding]:
    draft, drafted = draft_fn(params, rng_keys, embedding, active)
    weight = weight_fn(draft.score)
    uniform = _uniforms(loop.step_keys(rng_keys, ACCEPT), weight)
    rejected = (draft.num_tokens > 0) & ~(uniform < weight)
    embedding = revert_fn(embedding, drafted, rejected)
    target, embedding = target_fn(
      params, loop.step_keys(rng_keys, TARGET), embedding, rejected
    )
    return merge(draft, target, rejected), embedding

  return step_fn


def merge(
  draft: base.StepOutput, target: base.StepOutput, rejected: Array
) -> base.StepOutput:
  """What is said of steps some of which were written once more."""
  pick = lambda name: jnp.where(
    rejected, getattr(target, name), getattr(draft, name)
  )
  written = {
    name: pick(name)
    for name in ("score", "log_prob", "num_tokens", "done", "cut")
  }
  thrown = jnp.where(rejected, draft.num_tokens, 0)
  for output in (draft, target):
    thrown += base.count(output, "rejected_tokens")
  return base.StepOutput(
    **written,
    log_ratio=jnp.zeros_like(draft.log_ratio),
    verifier_tokens=draft.verifier_tokens + target.verifier_tokens,
    iterations=draft.iterations + target.iterations,
    ready=draft.ready & target.ready,
    rejected_tokens=thrown,
    target_tokens=went_through(target),
  )


def went_through(target: base.StepOutput) -> Array:
  """Tokens through the target policy, [B, N], in a step that it wrote."""
  if target.target_tokens is None:  # it does not say what it read
    return target.num_tokens
  return target.target_tokens


def _uniforms(rng_keys: Array, like: Array) -> Array:
  """[B, N] that do not depend on how many rows there are."""

  def draw(key, row):
    return jax.random.uniform(jax.random.fold_in(key, row))

  rows = jnp.arange(like.shape[1])
  return jax.vmap(lambda key: jax.vmap(lambda row: draw(key, row))(rows))(
    rng_keys
  )


WEIGHTS: dict[str, Callable[[float], WeightFn]] = {
  "threshold": at_least,
  "score": lambda delta: by_score,
}


def weight_by_name(name: str, delta: float) -> WeightFn:
  """The rule of that name."""
  if name not in WEIGHTS:
    raise errors.UserError(
      f"search.weight: unknown rule {name!r}, choose from {', '.join(WEIGHTS)}"
    )
  return WEIGHTS[name](delta)
