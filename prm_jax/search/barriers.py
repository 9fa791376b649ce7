"""Waiting for all problems, for methods that call steps themselves."""

import jax
import jax.numpy as jnp

from prm_jax import types
from prm_jax.search import base, buffers
from prm_jax.types import Array


def whole_step(step_fn: base.StepFn) -> base.StepFn:
  """`step_fn`, called until every problem has ended its step.

  For methods that call steps themselves: all outputs are ready, `iterations`
  is the sum over the calls of each problem.
  """

  def whole(
    params: types.Params,
    rng_keys: Array,
    embedding: base.Embedding,
    active: Array | None = None,
    /,
  ) -> tuple[base.StepOutput, base.Embedding]:
    shapes, _ = jax.eval_shape(step_fn, params, rng_keys, embedding, active)
    if active is None:
      active = jnp.ones(shapes.score.shape, bool)

    def call(carry):
      merged, embedding = carry
      ended = merged.ready
      # One whose step has ended would begin the next.
      on = active & ~ended[:, None]
      output, embedding = step_fn(params, rng_keys, embedding, on)
      spent = jnp.where(ended, 0, output.iterations)
      return buffers.where(ended, merged, output)._replace(
        iterations=merged.iterations + spent,
        ready=ended | output.ready,
      ), embedding

    nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    return jax.lax.while_loop(
      lambda carry: ~jnp.all(carry[0].ready), call, (nothing, embedding)
    )

  return whole
