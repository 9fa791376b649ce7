"""How promising the open ends of a tree are, for searches that rank them all.

`nodes -> [M]` of one problem: leaves of `nodes` are [M]. Only nodes that may
be expanded are compared. Bind other hyper-parameters with functools.partial.
"""

from collections.abc import Callable
from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import errors
from prm_jax.search import tree as tree_lib
from prm_jax.search import tree_select

FrontierFn: TypeAlias = Callable[[tree_lib.Nodes], Array]


def score(nodes: tree_lib.Nodes) -> Array:
  """The verifier's score of the prefix (2407.00390)."""
  return nodes.score


def shallow(nodes: tree_lib.Nodes) -> Array:
  """Fewest steps: breadth first."""
  return -nodes.depth.astype(nodes.score.dtype)


def likely(nodes: tree_lib.Nodes) -> Array:
  """The last step's likelihood per token."""
  return nodes.log_prob / jnp.maximum(nodes.num_tokens, 1)


def progress(nodes: tree_lib.Nodes) -> Array:
  """What the last step has gained in score."""
  above = nodes.score[jnp.maximum(nodes.parent, 0)]
  return jnp.where(nodes.parent >= 0, nodes.score - above, 0)


def swe_search(
  nodes: tree_lib.Nodes,
  *,
  c: float = 1.0,
  depth_bonus: float = 0.0,
  depth_decay: float = 0.0,
  depth_penalty: float = 0.8,
  high: float = 50.0,
  high_bonus: float = 50.0,
) -> Array:
  """SWE-Search's score of an open end (2410.20285, code's defaults).

  value + c sqrt(ln N_parent / N) + a exp(-b (d - 1)) - g sqrt(d), and a bonus
  for an end of high value; values are scores in [0, 1] put on the published
  scale of [-100, 100]. Its terms for nodes that have children, or texts, do
  not concern open ends of this tree.
  """
  value = 200 * nodes.score - 100
  above = nodes.visits[jnp.maximum(nodes.parent, 0)]
  visits = jnp.maximum(nodes.visits, 1)
  explore = jnp.log(jnp.maximum(above, 1)) / visits
  depth = nodes.depth.astype(value.dtype)
  return (
    value
    + c * jnp.sqrt(explore)
    + depth_bonus * jnp.exp(-depth_decay * (depth - 1))
    - depth_penalty * jnp.sqrt(depth)
    + jnp.where(value >= high, high_bonus, 0)
  )


def moderate_surprisal(
  nodes: tree_lib.Nodes, *, target: float = 1.0, weight: float = 0.1
) -> Array:
  """Score - weight * (S - target)^2, S nats per token of the last step.

  After COS(M+O)S (2501.17104); the paper's own form is not public.
  """
  return nodes.score - weight * tree_select.immoderation(nodes, target)


FRONTIERS: dict[str, FrontierFn] = {
  "score": score,
  "shallow": shallow,
  "likely": likely,
  "progress": progress,
  "swe_search": swe_search,
  "moderate_surprisal": moderate_surprisal,
}


def by_name(name: str) -> FrontierFn:
  """The perspective of that name."""
  if name not in FRONTIERS:
    raise errors.UserError(
      f"perspectives: unknown {name!r}, choose from {', '.join(FRONTIERS)}"
    )
  return FRONTIERS[name]
