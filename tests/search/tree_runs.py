"""Searches of the tabular model that several tests look at."""

import functools

import jax
import numpy as np

from prm_jax.search import mcts, rest_mcts, tree_growth, tree_rules
from tests.search import tabular, trees

PROBLEMS, ROWS, SIMULATIONS = 16, 4, 12
TABLE = tabular.table(tokens=(1, 2, 5))
PLAIN = tree_growth.Growth()
PUCT = mcts.puct_rules(PLAIN)


def failing(share, word=np.nan):
  """A table whose verifier says NaN, or another word, of some prefixes."""

  def score(prefix):
    return word if tabular.encode(prefix) % share == 0 else tabular.prm(prefix)

  return tabular.table(score_fn=score)


def run(rules, simulations=SIMULATIONS, moves=1, table=TABLE):
  """The tree alone."""
  budget = tree_rules.Budget(simulations, moves, tabular.LENGTH)
  return jax.device_get(
    trees.search(table, rules, budget, tabular.step_fn, PROBLEMS, ROWS)
  )


@functools.partial(tabular.jit, static_argnames=("method", "rows"))
def searched(method, table, rows):
  keys, root = tabular.keys(PROBLEMS), tabular.root(PROBLEMS, rows)
  step_fn = tabular.step_fn
  return method(table, keys, root, step_fn, max_steps=tabular.LENGTH)


def search(method, table=TABLE, rows=ROWS):
  return jax.device_get(searched(method, table, rows))


# Rules and budget are compared by identity: one program each.
METHODS = {
  "mcts": (functools.partial(mcts.mcts, num_simulations=6), PUCT),
  "rest_mcts": (
    functools.partial(rest_mcts.rest_mcts, num_simulations=6),
    rest_mcts.rest_mcts_rules(),
  ),
}
