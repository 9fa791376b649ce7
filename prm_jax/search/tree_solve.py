"""From a prompt to solutions by one of the tree searches."""

import jax
import jax.numpy as jnp
from jaxtyping import Array

from prm_jax.search import base, tree_output, tree_rules, tree_search, tree_walk
from prm_jax.search import tree as tree_lib


def solve(
  writer: tree_lib.Writer,
  root: base.Embedding,
  rules: tree_rules.Rules,
  budget: tree_rules.Budget,
  *,
  aggregate: base.AggregateFn,
  choose: tree_output.Choose = "principal",
) -> base.SearchOutput:
  """Grows the trees and reads the solutions out.

  Args:
    writer: the models.
    root: embedding of the prompts with A rows each.
    rules: the method.
    budget: where the search ends.
    aggregate: step scores to one score per row.
    choose: the row returned, see `tree_output`.
  """
  search = tree_search.search(writer, root, rules, budget)
  num_rows = tree_lib.num_rows(writer, root)
  return tree_output.read_out(
    writer,
    search.tree,
    principal(writer, search, rules, num_rows),
    max_steps=budget.max_steps,
    num_rows=num_rows,
    aggregate=aggregate,
    choose=choose,
    worth=rules.worth,
  )


def principal(
  writer: tree_lib.Writer,
  search: tree_search.Search,
  rules: tree_rules.Rules,
  num_children: int,
) -> Array:
  """[B] the node the search stands for: found, or where its moves lead."""
  nodes = search.tree.nodes
  walk = lambda key, nodes, origin: tree_walk.principal(
    key, nodes, origin, rules.commit, num_children
  )
  node = jax.vmap(walk)(writer.rng_keys, nodes, search.origin)
  return jnp.where(search.found >= 0, search.found, node)
