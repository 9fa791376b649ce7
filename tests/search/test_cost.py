"""What a search spent, counted by hand and from the ancestors."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import base, lineage, particle, step_beam
from tests.search import tabular

# Scores and tokens of a beam that is worked out by hand below.
SCORES = {
  (0,): 0.5,
  (1,): 0.9,
  (2,): 0.1,
  (1, 2): 0.8,
  (1, 0): 0.3,
  (0, 1): 0.6,
  (0, 1, 2): 0.7,
  (0, 1, 0): 0.2,
}
SCRIPT = jnp.array(
  [[[0, 1, 0, 2], [2, 0, 1, 1], [0, 0, 2, 0], [0, 0, 0, 2]]], jnp.int32
)


@functools.partial(tabular.jit, static_argnames="max_steps")
def beam_by_hand(max_steps):
  table = tabular.table(lambda h: SCORES.get(h, 0.4), tokens=(1, 2, 5))
  return step_beam.step_beam(
    (table, SCRIPT),
    tabular.keys(1),
    tabular.root(1, 4),
    tabular.forced_step_fn,
    width=2,
    branch=2,
    max_steps=max_steps,
  )


@pytest.mark.parametrize(
  ("max_steps", "policy", "discarded", "slots", "depth"),
  [
    # Rows write 0, 1, 0, 2: 1 + 2 + 1 + 5 tokens, 5 iterations of 4 rows.
    (1, 9, 0, 20, 5),
    # Rows 1 and 0 are kept, 1 + 5 tokens lost; then 12, 10, 01, 01.
    (2, 9 + 10, 6, 40, 10),
    # 12 (finished) and 01 are kept, 1 + 2 tokens lost; then 012 and 010.
    (3, 19 + 6, 6 + 3, 60, 15),
  ],
)
def test_beam_by_hand(max_steps, policy, discarded, slots, depth):
  cost = beam_by_hand(max_steps).cost
  assert cost == base.Cost(policy, policy, discarded, slots, depth)
  assert cost.utilisation[0] == pytest.approx(policy / slots)


def test_the_copy_of_a_finished_row_is_no_candidate():
  output = beam_by_hand(3)
  tokens = np.asarray(output.embedding["tokens"])[0, :, :3]
  np.testing.assert_array_equal(
    tokens, [[1, 2, -1], [1, 2, -1], [0, 1, 2], [0, 1, 0]]
  )
  np.testing.assert_array_equal(output.log_weight, [[0, -np.inf, 0, 0]])
  np.testing.assert_array_equal(output.done, [[True, True, True, False]])
  assert output.chosen[0] == 0
  # The fourth step keeps 12 and 012, not 12 and its copy; both are finished.
  output = beam_by_hand(4)
  np.testing.assert_array_equal(output.ancestors[0, 2], [0, 0, 2, 2])
  np.testing.assert_array_equal(output.log_weight, [[0, -np.inf, 0, -np.inf]])
  assert output.done.all()
  # 010 was dropped: one token more is lost, and nothing else was written.
  assert output.cost == base.Cost(25, 25, 10, 60, 15)


def reached(ancestors, tokens):
  """Tokens of the nodes that some final row descends from, row by row."""
  kept = set()
  for row in range(ancestors.shape[1]):
    for step in reversed(range(len(ancestors))):
      row = ancestors[step, row]
      kept.add((step, int(row)))
  return sum(int(tokens[node]) for node in kept)


def test_discarded_tokens_from_random_tables():
  rng = np.random.default_rng(0)
  ancestors = rng.integers(0, 5, size=(40, 6, 5)).astype(np.int32)
  tokens = rng.integers(0, 9, size=(40, 6, 5)).astype(np.int32)
  lost = jax.jit(lineage.discarded_tokens)(
    jnp.asarray(ancestors), jnp.asarray(tokens)
  )
  expected = [
    t.sum() - reached(a, t) for a, t in zip(ancestors, tokens, strict=True)
  ]
  np.testing.assert_array_equal(lost, expected)


def test_a_filter_keeps_the_tokens_of_the_tree_of_its_rows():
  """Kept tokens are those of the final rows, shared prefixes once."""
  output = tabular.jit(
    lambda: particle.particle_filter(
      tabular.table(tokens=(1, 2, 5)),
      tabular.keys(50),
      tabular.root(50, 8),
      tabular.step_fn,
      max_steps=tabular.LENGTH,
      resample="always",
    )
  )()
  ancestors = np.asarray(output.ancestors)
  tokens = np.asarray(output.embedding["tokens"])
  kept = np.asarray(output.cost.policy_tokens - output.cost.discarded_tokens)
  assert (np.asarray(output.cost.discarded_tokens) > 0).any()
  for problem in range(50):
    nodes = {}
    for final in range(8):
      row = final
      for step in reversed(range(tabular.LENGTH)):
        row = int(ancestors[problem, step, row])
        token = tokens[problem, final, step]
        # All descendants of a node agree on what was written there.
        written = 0 if token < 0 else (1, 2, 5)[token]
        assert nodes.setdefault((step, row), written) == written
    assert sum(nodes.values()) == kept[problem]
