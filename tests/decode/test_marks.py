"""Rows that are brought back write what they wrote before."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.decode import marks, sampling, scoring, state, step
from prm_jax.models import cache, paged
from tests.decode import runs
from tests.models import tiny

LAYOUTS = {"contiguous": cache.CONTIGUOUS, "paged": paged.Paged(4, pages=64)}


@pytest.mark.parametrize("name", LAYOUTS)
def test_forks_of_a_longer_row_go_on_from_the_mark(name):
  """Row 0 of each problem goes on; its forks live through steps 1, 2 again.

  Pages of 4 tokens are partly the fork's and partly its parent's.
  """
  layout = LAYOUTS[name]
  policy, own = runs.make()
  verifier, other = runs.make(1, value_head="token", use_lm_head=False)
  scorer = scoring.ModelScorer(verifier, chunk=3, layout=layout)
  params = {"policy": own, "verifier": other}
  step_fn = tiny.jit(
    step.make_step_fn(policy, scorer, sampling.SamplerConfig(), runs.FORMAT)
  )
  now = tiny.jit(
    lambda params: state.root(
      policy,
      params,
      jnp.asarray(runs.PROMPTS),
      jnp.asarray(runs.LENGTHS),
      num_rows=runs.ROWS,
      max_tokens=runs.SLOTS,
      scorer=scorer,
      layout=layout,
    )
  )(params)
  keys = [jax.random.split(jax.random.key(i), 2) for i in range(4)]
  first = jnp.zeros((2, runs.ROWS), jnp.int32)
  every = first == 0
  fork = tiny.jit(lambda rows: state.take(rows, first))
  outputs, seen = [], []

  def write(now, key, active):
    output, now = step_fn(params, key, now, active)
    outputs.append(output)
    seen.append(now.rows)
    return now

  _, now = step_fn(params, keys[0], now, every)
  # All rows are forks of row 0, which writes two more steps.
  now = fork(now)
  marked = marks.mark(now)
  for key in keys[1:3]:
    now = write(now, key, every)
  control, _ = step_fn(params, keys[3], now, every)
  # Rows 1, 2, ... take the place they had; row 0 keeps its three steps.
  back = jnp.broadcast_to(jnp.arange(runs.ROWS) > 0, first.shape)
  now = tiny.jit(marks.restore)(fork(now), marked, back)
  restored = now.rows
  for key in keys[1:3]:
    now = write(now, key, back)
  last, _ = step_fn(params, keys[3], now, ~back)
  outputs, seen, restored, control, last = jax.device_get(
    (outputs, seen, restored, control, last)
  )
  overflow = state.overflow(now)
  assert not overflow.any()
  assert (seen[1].length > restored.length)[:, 1:].any()
  for i in range(2):
    for field in ("score", "log_prob", "num_tokens", "done", "verifier_tokens"):
      before, after = (getattr(outputs[i + j], field) for j in (0, 2))
      np.testing.assert_allclose(after[:, 1:], before[:, 1:], atol=1e-5)
    np.testing.assert_array_equal(
      seen[i + 2].tokens[:, 1:], seen[i].tokens[:, 1:]
    )
    np.testing.assert_array_equal(
      seen[i + 2].tokens[:, 0], seen[1].tokens[:, 0]
    )
  # Row 0 has not been written into by those that shared its pages.
  assert (last.num_tokens[:, 0] > 0).any()
  for field in ("score", "log_prob", "num_tokens"):
    np.testing.assert_allclose(
      getattr(last, field)[:, 0], getattr(control, field)[:, 0], atol=1e-5
    )
