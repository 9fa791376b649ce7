"""What a look ahead costs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import base, lookahead

SHAPE = 1, 2
DEPTH = 2


def steps(tokens, rejected=None, target=None):
  """Steps that cost so many tokens in every row that writes."""

  def step_fn(params, rng_keys, embedding, active=None):
    del params, rng_keys
    each = lambda count: jnp.where(active, jnp.int32(count), 0)
    maybe = lambda count: None if count is None else each(count)
    return base.StepOutput(
      score=jnp.zeros(SHAPE),
      log_prob=jnp.zeros(SHAPE),
      log_ratio=jnp.zeros(SHAPE),
      num_tokens=each(tokens),
      verifier_tokens=each(tokens),
      done=jnp.zeros(SHAPE, bool),
      iterations=jnp.ones(SHAPE[0], jnp.int32),
      ready=jnp.ones(SHAPE[0], bool),
      cut=jnp.zeros(SHAPE, bool),
      rejected_tokens=maybe(rejected),
      target_tokens=maybe(target),
    ), embedding

  return step_fn


@pytest.mark.parametrize(
  ("step", "rollout", "rejected", "target"),
  [
    ((3,), (5,), 2 * 5, None),
    ((3, 1), (5, 7), 1 + 2 * (5 + 7), None),
    ((3, 1, 4), (5, 7, 20), 1 + 2 * (5 + 7), 4 + 2 * 20),
    ((3, 1, 4), (5,), 1 + 2 * 5, 4),
    ((3,), (5, 7, 20), 2 * (5 + 7), 2 * 20),
  ],
)
def test_all_that_roll_outs_spend_is_counted(step, rollout, rejected, target):
  step_fn = lookahead.lookahead(steps(*step), steps(*rollout), DEPTH)
  active = jnp.asarray([[True, False]])
  keys = jax.random.split(jax.random.key(0), SHAPE[0])
  output, _ = step_fn({}, keys, jnp.zeros(SHAPE), active)
  np.testing.assert_array_equal(output.num_tokens, [[step[0], 0]])
  read = step[0] + DEPTH * rollout[0]
  np.testing.assert_array_equal(output.verifier_tokens, [[read, 0]])
  np.testing.assert_array_equal(output.iterations, [1 + DEPTH])
  np.testing.assert_array_equal(output.rejected_tokens, [[rejected, 0]])
  if target is None:
    assert output.target_tokens is None
  else:
    np.testing.assert_array_equal(output.target_tokens, [[target, 0]])
