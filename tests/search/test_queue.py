"""Problems that wait for a slot find what they find all at once."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import best_of_n, buffers, loop, queue
from tests.search import tabular, test_contract

PROBLEMS, ROWS, SLOTS = 16, 4, 3
METHODS = {
  name: method
  for name, method in test_contract.METHODS.items()
  if "run" in inspect.signature(method).parameters
}


def load(embedding, problems, fresh):
  del problems  # the roots of all are the same
  return buffers.where(fresh, tabular.root(SLOTS, ROWS), embedding)


def waiting(
  method, slots=SLOTS, load_fn=load, step_fn=tabular.step_fn, count_fn=None
):
  return tabular.jit(
    lambda: method(
      tabular.table(tokens=(1, 2, 5)),
      tabular.keys(PROBLEMS),
      tabular.root(slots, ROWS),
      step_fn,
      max_steps=tabular.LENGTH,
      run=queue.make_run(load_fn, lambda embedding: embedding, count_fn),
    )
  )()


def test_there_are_methods():
  assert {"best_of_n", "step_beam", "particle"} <= METHODS.keys()


@pytest.mark.parametrize("name", METHODS)
def test_a_queue_changes_nothing(name):
  test_contract.assert_equal(
    jax.device_get(waiting(METHODS[name])), test_contract.run(METHODS[name])
  )


def test_slots_are_filled_as_soon_as_they_are_free():
  """The steps taken in all are what the slots can do, not whole batches."""
  calls = []

  def counted(params, rng_keys, embedding, active=None):
    jax.debug.callback(lambda on: calls.append(on.copy()), active)
    return tabular.step_fn(params, rng_keys, embedding, active)

  output = waiting(best_of_n.best_of_n, step_fn=counted)
  jax.effects_barrier()
  steps = np.asarray(output.num_steps).max(axis=1)
  idle = [int((~np.asarray(on)[:, 0]).sum()) for on in calls]
  busy = SLOTS * len(calls) - sum(idle)
  assert busy == steps.sum()
  # Only at the end is there nothing to fill a slot with.
  assert idle == sorted(idle)


@pytest.mark.parametrize("num", [1, SLOTS, 7])
def test_places_without_a_problem(num):
  """They are not searched, and the others find what they found."""
  calls = []

  def counted(params, rng_keys, embedding, active=None):
    jax.debug.callback(lambda on: calls.append(int(on[:, 0].sum())), active)
    return tabular.step_fn(params, rng_keys, embedding, active)

  found = waiting(
    METHODS["particle"], step_fn=counted, count_fn=lambda _: jnp.int32(num)
  )
  jax.effects_barrier()
  pick = functools.partial(jax.tree.map, lambda x: np.asarray(x)[:num])
  plain = test_contract.run(METHODS["particle"])
  test_contract.assert_equal(pick(found), pick(plain))
  assert sum(calls) == np.asarray(plain.num_steps)[:num].max(axis=1).sum()
  assert not np.asarray(found.num_steps)[num:].any()


def test_slots_for_all():
  def load_all(embedding, problems, fresh):
    del problems
    return buffers.where(fresh, tabular.root(PROBLEMS, ROWS), embedding)

  found = waiting(METHODS["particle"], PROBLEMS, load_all)
  test_contract.assert_equal(
    jax.device_get(found), test_contract.run(METHODS["particle"])
  )


def test_problems_that_are_over_at_the_root():
  """They are put away like others."""

  def load_done(embedding, problems, fresh):
    embedding = load(embedding, problems, fresh)
    done = fresh & (problems % 5 == 4)
    return embedding | {"done": embedding["done"] | done[:, None]}

  found = waiting(METHODS["particle"], load_fn=load_done)
  steps = np.asarray(found.num_steps)
  over = np.arange(PROBLEMS) % 5 == 4
  assert (steps[over] == 0).all()
  assert (steps[~over] > 0).all()
  assert isinstance(loop.run, loop.RunFn)
  plain = test_contract.run(METHODS["particle"])
  pick = functools.partial(jax.tree.map, lambda x: np.asarray(x)[~over])
  test_contract.assert_equal(pick(found), pick(plain))
  assert jnp.all(found.cost.depth[over] == 0)
