import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.search import barriers, loop
from tests.search import tabular

PROBLEMS, ROWS = 6, 3


def steps(step_fn, embedding):
  """Three steps, in the second of which only row 1 is active."""
  outputs = []
  for step, rows in enumerate([None, jnp.arange(ROWS) == 1, None]):
    if rows is not None:
      rows = jnp.broadcast_to(rows, (PROBLEMS, ROWS))
    keys = loop.step_keys(tabular.keys(PROBLEMS), step)
    output, embedding = step_fn(
      tabular.table(tokens=(1, 2, 5)), keys, embedding, rows
    )
    outputs.append(output)
  return outputs, embedding


@tabular.jit
def runs():
  root = tabular.root(PROBLEMS, ROWS)
  whole = barriers.whole_step(tabular.staggered(tabular.step_fn))
  return steps(tabular.step_fn, root), steps(whole, (root, jnp.int32(0)))


def test_waits_for_all_problems_and_writes_each_step_once():
  plain, (outputs, (embedding, calls)) = runs()
  jax.tree.map(np.testing.assert_array_equal, plain, (outputs, embedding))
  assert calls == 9  # every problem is ready at one call in three
