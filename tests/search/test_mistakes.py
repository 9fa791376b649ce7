"""What other codes of search got wrong."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import aggregate, dvts, particle, step_beam
from tests.search import tabular

METHODS = {
  "step_beam": functools.partial(step_beam.step_beam, width=2, branch=3),
  "dvts": functools.partial(dvts.dvts, num_groups=2, branch=3),
  "particle": particle.particle_filter,
}
ROWS, PROBLEMS = 6, 40


@functools.cache
def searched(name, max_steps=tabular.LENGTH, rule="min"):
  run = tabular.jit(
    functools.partial(
      METHODS[name],
      step_fn=tabular.step_fn,
      max_steps=max_steps,
      aggregate=aggregate.by_name(rule),
    )
  )
  return run(
    tabular.table(), tabular.keys(PROBLEMS), tabular.root(PROBLEMS, ROWS)
  )


@pytest.mark.parametrize("name", METHODS)
def test_mistake_6_tokens_are_counted_and_scores_aggregated_as_asked(name):
  found = searched(name)
  # A token a step: what stands in the rows was written, and what was pruned.
  kept = np.asarray(found.embedding["length"]).sum(axis=1)
  cost = found.cost
  assert np.all(np.asarray(cost.policy_tokens) > 0)
  assert np.all(cost.policy_tokens <= ROWS * tabular.LENGTH)
  if name == "particle":  # forks share what they descend from
    kept = np.minimum(kept, cost.policy_tokens - cost.discarded_tokens)
  assert np.all(cost.policy_tokens - cost.discarded_tokens <= kept)
  steps = np.arange(found.step_scores.shape[-1])
  told = steps < np.asarray(found.num_steps)[..., None]
  least = np.min(np.where(told, found.step_scores, np.inf), axis=-1)
  np.testing.assert_allclose(found.score, least, rtol=1e-6)
  last = np.asarray(searched(name, rule="last").score)
  assert np.any(np.abs(last - np.asarray(found.score)) > 0.01)


def test_mistake_8_unfinished_rows_are_no_solutions_of_dvts():
  """Blocks stop when their best row is finished; its siblings are copies."""
  found = searched("dvts")
  solution = np.isfinite(found.log_weight)
  assert np.all(np.asarray(found.done)[solution])
  assert not np.all(solution)  # there were such siblings
  # A copy says what the row says that it is a copy of.
  each = np.arange(PROBLEMS)
  assert np.all(np.asarray(found.done)[each, np.asarray(found.chosen)])


def test_mistake_9_beams_end_with_distinct_candidates_in_time():
  """Nothing is forked after the last step, nor is there one step more."""
  found = searched("step_beam", max_steps=2)
  own = np.broadcast_to(np.arange(ROWS), (PROBLEMS, ROWS))
  np.testing.assert_array_equal(np.asarray(found.ancestors)[:, -1], own)
  assert np.asarray(found.num_steps).max() == 2
  assert np.all(np.asarray(found.cost.depth) <= 2)
  # Rows that are the same text are counted as often as they were drawn.
  assert np.all(np.asarray(found.cost.policy_tokens) <= 2 * ROWS)


@pytest.mark.parametrize("name", METHODS)
def test_mistake_14_scores_keep_their_fractions(name):
  scores = np.asarray(searched(name).step_scores)
  assert scores.dtype == np.float32
  written = scores[scores != 0]
  assert np.all(written != np.round(written))
  assert searched(name).score.dtype == jnp.float32
