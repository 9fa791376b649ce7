"""Where the nodes of a tree search keep what the models have read."""

import dataclasses

from prm_jax.build.methods import base as methods
from prm_jax.build.methods import trees
from prm_jax.solvers import solver


def add(
  config: solver.SolverConfig,
  search: methods.MethodConfig,
  max_steps: int,
  step_tokens: int,
) -> solver.SolverConfig:
  """Sizes with pages, and enough of them, for a tree's nodes.

  Others get the sizes as they are, as does a config that asks for caches of
  their own or says how many pages there are.
  """
  if not isinstance(search, trees.Tree) or config.cache == "contiguous":
    return config
  enough = search.num_pages(max_steps, step_tokens, config.page_tokens)
  return dataclasses.replace(
    config, cache="paged", pages=config.pages or enough
  )
