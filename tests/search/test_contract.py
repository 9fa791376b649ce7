"""What every method owes: keys, batches, fixed points, devices."""

import functools
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import (
  base,
  best_first,
  best_of_n,
  dvts,
  entropic,
  gibbs,
  lookahead,
  mcts,
  particle,
  rebase,
  resampling,
  rest_mcts,
  sbs,
  snapshots,
  speculative,
  step_beam,
  svdd,
  tree_frontier,
)
from tests.search import tabular, test_early_rejection


def beam_that_looks_ahead(params, keys, root, step_fn, take_fn=base.take, **kw):
  step_fn = lookahead.lookahead(step_fn, step_fn, 1)
  return step_beam.step_beam(
    params, keys, root, step_fn, take_fn, width=2, branch=2, **kw
  )


def beam_of_drafts(params, keys, root, step_fn, take_fn=base.take, **kw):
  def revert(before, drafted, rejected):
    if not isinstance(drafted, tuple):
      return speculative.revert(before, drafted, rejected)
    return speculative.revert(before[0], drafted[0], rejected), drafted[1]

  step_fn = speculative.reward_guided(
    step_fn, step_fn, speculative.at_least(0.5), revert
  )
  return step_beam.step_beam(
    params, keys, root, step_fn, take_fn, width=2, branch=2, **kw
  )


def chains(params, keys, root, step_fn, take_fn=base.take, **kw):
  whole = snapshots.WHOLE
  inner = snapshots.Snapshots(
    lambda state: state[0],
    lambda state, *marks: (whole.restore(state[0], *marks), state[1]),
  )
  return gibbs.particle_gibbs(
    params,
    keys,
    root,
    step_fn,
    take_fn,
    num_groups=2,
    iterations=3,
    snapshots=inner if isinstance(root, tuple) else whole,
    **kw,
  )


TREES = {
  "mcts": functools.partial(mcts.mcts, num_simulations=6),
  "rest_mcts": functools.partial(
    rest_mcts.rest_mcts, num_simulations=4, rollout_steps=2
  ),
  "best_first": functools.partial(
    best_first.best_first,
    num_rounds=5,
    perspectives=(tree_frontier.score, tree_frontier.progress),
  ),
}
METHODS = TREES | {
  "best_of_n": best_of_n.best_of_n,
  "step_beam": functools.partial(step_beam.step_beam, width=2, branch=2),
  "particle": functools.partial(
    particle.particle_filter,
    resample="always",
    scheme=resampling.stratified,
    choose="sample",
  ),
  "filters": functools.partial(
    entropic.entropic_particle_filter,
    num_groups=2,
    correct_weights=True,
    progress_threshold=1.0,
    limits=particle.Limits(most=2),
  ),
  "chains": chains,
  "dvts": functools.partial(dvts.dvts, num_groups=2, branch=2),
  "rebase": rebase.rebase,
  "sbs": functools.partial(sbs.sbs, width=2, branch=2),
  "svdd": functools.partial(
    svdd.svdd, branch=2, resample=resampling.multinomial
  ),
  "lookahead": beam_that_looks_ahead,
  "early_rejection": test_early_rejection.beam_in_halves,
  "drafts": beam_of_drafts,
}
SELECTING = [name for name in METHODS if name != "best_of_n"]
# Early rejection selects in mid-step, the last step included; trees order
# their rows; some drafts are written again; chains begin again.
BETWEEN_STEPS = [
  name
  for name in SELECTING
  if name not in ("early_rejection", "drafts", "chains", *TREES)
]
OF_ONE_ROW = {
  "step_beam": functools.partial(step_beam.step_beam, width=1, branch=1),
  "particle": METHODS["particle"],
  "dvts": functools.partial(dvts.dvts, num_groups=1, branch=1),
  "rebase": rebase.rebase,
  "sbs": functools.partial(sbs.sbs, width=1, branch=1),
  "svdd": functools.partial(svdd.svdd, branch=1),
  "mcts": TREES["mcts"],
}

# Most runs have this many problems, so that they share a program.
PROBLEMS, ROWS = 16, 4


@functools.partial(tabular.jit, static_argnames=("method", "max_steps"))
def search(method, keys, root, max_steps=tabular.LENGTH):
  return method(
    tabular.table(tokens=(1, 2, 5)),
    keys,
    root,
    tabular.step_fn,
    max_steps=max_steps,
  )


def run(method, rows=ROWS, **options):
  keys, root = tabular.keys(PROBLEMS), tabular.root(PROBLEMS, rows)
  return jax.device_get(search(method, keys, root, **options))


def assert_equal(left, right):
  jax.tree.map(np.testing.assert_array_equal, left, right)


@pytest.mark.parametrize("name", METHODS)
def test_a_problem_alone_equals_itself_in_a_batch(name):
  together = run(METHODS[name])
  for n in range(8):
    keys = tabular.keys(PROBLEMS)[n : n + 1]
    alone = search(METHODS[name], keys, tabular.root(1, ROWS))
    assert_equal(alone, jax.tree.map(lambda x, n=n: x[n : n + 1], together))


@pytest.mark.parametrize("name", OF_ONE_ROW)
def test_one_row_is_plain_sampling(name):
  output, plain = (
    run(OF_ONE_ROW[name], rows=1),
    run(best_of_n.best_of_n, rows=1),
  )
  fields = ("embedding", "step_scores", "score", "chosen", "log_prob", "cost")
  for field in fields:
    assert_equal(getattr(output, field), getattr(plain, field))


def test_fewer_rows_are_the_first_rows():
  many, few = run(best_of_n.best_of_n), run(best_of_n.best_of_n, rows=1)
  assert_equal(few.embedding, jax.tree.map(lambda x: x[:, :1], many.embedding))


@pytest.mark.parametrize("name", BETWEEN_STEPS)
def test_rows_are_plain_samples_until_the_first_selection(name):
  output = run(METHODS[name], max_steps=1)
  plain = run(best_of_n.best_of_n)
  np.testing.assert_array_equal(
    output.embedding["tokens"][..., 0], plain.embedding["tokens"][..., 0]
  )


@pytest.mark.parametrize("name", SELECTING)
def test_a_longer_budget_changes_nothing_after_the_end(name):
  """Finished rows are a fixed point, finished problems cost nothing."""
  short = run(METHODS[name])
  long = run(METHODS[name], max_steps=tabular.LENGTH + 3)
  np.testing.assert_array_equal(
    short.step_scores, long.step_scores[:, :, : tabular.LENGTH]
  )
  fields = ("embedding", "score", "chosen", "log_weight", "log_evidence")
  for field in (*fields, "num_steps", "cost"):
    assert_equal(getattr(short, field), getattr(long, field))


def take_inner(state, parents):
  return base.take(state[0], parents), state[1]


def put_inner(store, rows, places):
  return base.put(store[0], rows[0], places), rows[1]


@pytest.mark.parametrize("name", METHODS)
def test_problems_reach_their_steps_independently(name):
  """Problems that wait and problems that run ahead find the same."""
  method = METHODS[name]
  if name in SELECTING:
    method = functools.partial(method, take_fn=take_inner)
  if name in TREES:
    method = functools.partial(method, put_fn=put_inner)
  output = tabular.jit(
    lambda: method(
      tabular.table(tokens=(1, 2, 5)),
      tabular.keys(PROBLEMS),
      (tabular.root(PROBLEMS, ROWS), jnp.int32(0)),
      tabular.staggered(tabular.step_fn),
      max_steps=tabular.LENGTH,
    )
  )()
  inner, calls = output.embedding
  assert calls > tabular.LENGTH * 2
  together = output._replace(embedding=inner)
  assert_equal(jax.device_get(together), run(METHODS[name]))


@pytest.mark.parametrize("name", METHODS)
def test_rows_done_at_the_root_write_and_weigh_nothing(name):
  root = tabular.root(PROBLEMS, ROWS)
  root["done"] = root["done"].at[0].set(True)
  output = search(METHODS[name], tabular.keys(PROBLEMS), root)
  assert_equal(
    jax.tree.map(lambda x: x[1:], output),
    jax.tree.map(lambda x: x[1:], run(METHODS[name])),
  )
  assert (np.asarray(output.embedding["tokens"])[0] == -1).all()
  zero = (
    *(output.num_steps, output.score, output.log_weight, output.log_evidence),
    *(output.log_prob, output.ess, *output.cost),
  )
  for field in zero:
    np.testing.assert_array_equal(field[0], 0)
  np.testing.assert_array_equal(output.ancestors[0], [np.arange(ROWS)] * 4)


SHARDED = """
import jax, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from tests.search import tabular, test_contract
assert jax.device_count() == 8
mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
place = lambda tree: jax.device_put(
  tree, NamedSharding(mesh, PartitionSpec("data"))
)
keys, root = tabular.keys(16), tabular.root(16, 4)
for name in test_contract.SELECTING:
  method = test_contract.METHODS[name]
  one = test_contract.search(method, keys, root)
  eight = test_contract.search(method, place(keys), place(root))
  assert len(eight.embedding["tokens"].sharding.device_set) == 8
  test_contract.assert_equal(jax.device_get(one), jax.device_get(eight))
print("equal")
"""


def test_eight_devices_equal_one(project_root, eight_devices):
  process = subprocess.run(
    [sys.executable, "-c", SHARDED],
    cwd=project_root,
    env=eight_devices,
    capture_output=True,
    text=True,
    check=False,
  )
  assert process.stdout.strip() == "equal", process.stderr[-2000:]
