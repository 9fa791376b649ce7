"""Scores of candidates from steps that are rolled out and thrown away."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import errors, types
from prm_jax.search import aggregate, barriers, base, rearter

# How the scores on the way judge the step.
JUDGES: Mapping[str, base.AggregateFn] = {
  "last": aggregate.last,
  "corrected": rearter.corrected,
}


def judge_by_name(name: str) -> base.AggregateFn:
  """One of `JUDGES`; UserError where there is none of that name."""
  if name not in JUDGES:
    raise errors.UserError(
      f"search.judge: {name!r} is not one of {', '.join(JUDGES)}"
    )
  return JUDGES[name]


def lookahead(
  step_fn: base.StepFn,
  rollout_fn: base.StepFn,
  depth: int,
  *,
  return_fn: Callable[[base.Embedding, base.Embedding], base.Embedding] = (
    lambda before, after: before
  ),
  judge_fn: base.AggregateFn = aggregate.last,
) -> base.StepFn:
  """`step_fn` whose steps are judged up to `depth` steps later (2408.03314).

  After a step, the rows that wrote it write up to `depth` more, or to their
  ends, and the verifier's score of that text becomes the score of the step:
  by `judge_fn`, of the scores on the way there.
  The text itself is dropped; its tokens are in `rejected_tokens`, its
  iterations, the verifier's reading and what went through a second policy in
  those of the step. For any search
  method; problems wait for each other at the end of such a step.

  The score of rows that write nothing is that of `step_fn`. Roll-outs draw
  with the key of their step, at the positions behind it.

  Args:
    step_fn: writes and scores the candidates.
    rollout_fn: writes and scores the roll-outs: greedy ones in the paper.
    depth: k; 0 is `step_fn` itself.
    return_fn: the embedding that goes on, from those before and after the
      roll-outs; for embeddings that count what is done to them.
    judge_fn: the step's score from those of the step itself and of the steps
      rolled out behind it, [B, N, k + 1], of which [B, N] were written.
  """
  if depth < 0:
    raise ValueError(f"depth must be at least 0, got {depth}")
  if depth == 0:
    return step_fn
  step_fn, rollout_fn = (
    barriers.whole_step(step_fn),
    barriers.whole_step(rollout_fn),
  )

  def look_ahead(
    params: types.Params,
    rng_keys: Array,
    embedding: base.Embedding,
    active: Array | None = None,
    /,
  ) -> tuple[base.StepOutput, base.Embedding]:
    output, embedding = step_fn(params, rng_keys, embedding, active)

    def going(carry):
      index, _, _, _, writing, _ = carry
      return (index <= depth) & jnp.any(writing)

    def roll(carry):
      index, output, scores, count, writing, ahead = carry
      further, ahead = rollout_fn(params, rng_keys, ahead, writing)
      wrote = writing & (further.num_tokens > 0)
      here = wrote[..., None] & (jnp.arange(depth + 1) == index)
      output = _charged(output, further)
      scores = jnp.where(here, further.score[..., None], scores)
      writing = wrote & ~further.done
      return index + 1, output, scores, count + wrote, writing, ahead

    writing = (output.num_tokens > 0) & ~output.done
    rejected = base.count(output, "rejected_tokens")
    output = output._replace(rejected_tokens=rejected)
    further, _ = jax.eval_shape(
      rollout_fn, params, rng_keys, embedding, writing
    )
    if further.target_tokens is not None:
      target = base.count(output, "target_tokens")
      output = output._replace(target_tokens=target)
    own = jnp.repeat(output.score[..., None], depth + 1, axis=-1)
    ones = jnp.ones_like(output.num_tokens)
    _, output, scores, count, _, after = jax.lax.while_loop(
      going, roll, (jnp.int32(1), output, own, ones, writing, embedding)
    )
    score = jnp.where(count > 1, judge_fn(scores, count), output.score)
    return output._replace(score=score), return_fn(embedding, after)

  return look_ahead


def _charged(
  output: base.StepOutput, further: base.StepOutput
) -> base.StepOutput:
  """The step, at whose cost another one was written and thrown away."""
  target = output.target_tokens
  if target is not None:  # a second policy is at work
    target += base.count(further, "target_tokens")
  return output._replace(
    verifier_tokens=output.verifier_tokens + further.verifier_tokens,
    iterations=output.iterations + further.iterations,
    rejected_tokens=base.count(output, "rejected_tokens")
    + further.num_tokens
    + base.count(further, "rejected_tokens"),
    target_tokens=target,
  )
