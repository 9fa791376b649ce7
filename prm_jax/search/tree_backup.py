"""What a visit of a leaf says of the nodes above it.

`(node, children, returns) -> (value, returns)` is called from the leaf up to
the prompt, before the node's visits are counted; the leaf itself comes first.
Leaves of `node` are [], of `children` [A].
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array

from prm_jax.search import ranking
from prm_jax.search import tree as tree_lib


class Returns(NamedTuple):
  """What is carried up."""

  value: Array  # [] of the leaf: what its evaluation says
  rewards: Array  # [] sum over the steps from the node at hand to the leaf
  steps: Array  # [] int32 how many these are


BackUpFn: TypeAlias = Callable[
  [tree_lib.Nodes, tree_lib.Nodes, Returns], tuple[Array, Returns]
]


def mean(
  node: tree_lib.Nodes, children: tree_lib.Nodes, returns: Returns
) -> tuple[Array, Returns]:
  """Q is the mean of the leaf evaluations below."""
  del children
  value = node.value + (returns.value - node.value) / (node.visits + 1)
  return jnp.where(node.visits > 0, value, returns.value), returns


def visited_children(
  node: tree_lib.Nodes, children: tree_lib.Nodes, returns: Returns
) -> tuple[Array, Returns]:
  """Q is the children's Q weighted by their visits (2406.03816).

  Unlike the mean, an expanded node forgets what it was worth before.
  """
  own, returns = mean(node, children, returns)
  visits = jnp.where(children.num_tokens > 0, children.visits, 0)
  total = jnp.sum(visits)
  weighted = jnp.sum(jnp.where(visits > 0, visits * children.value, 0))
  return jnp.where(total > 0, weighted / jnp.maximum(total, 1), own), returns


def future_rewards(
  node: tree_lib.Nodes,
  children: tree_lib.Nodes,
  returns: Returns,
  discount: float = 1.0,
) -> tuple[Array, Returns]:
  """V = mean of r + discount V by max(1, N) over the children (2405.00451).

  Children without visits count once, with their reward alone; a leaf is worth
  0, its reward being on the step to it.
  """
  del node
  on = (children.num_tokens > 0) & (children.prior > 0)
  on &= ranking.judged(children.score)
  weight = jnp.where(on, jnp.maximum(children.visits, 1), 0)
  value = jnp.where(children.visits > 0, children.value, 0)
  q = jnp.where(on, children.reward + discount * value, 0)
  total = jnp.sum(weight)
  return jnp.sum(weight * q) / jnp.maximum(total, 1), returns


def best_average_reward(
  node: tree_lib.Nodes, children: tree_lib.Nodes, returns: Returns
) -> tuple[Array, Returns]:
  """Best of the visits' average rewards from here to the leaf (2305.14992).

  The prompt has a reward of its own, 0, as in the paper's code.
  """
  del children
  returns = returns._replace(
    rewards=returns.rewards + node.reward, steps=returns.steps + 1
  )
  average = returns.rewards / returns.steps
  best = jnp.maximum(node.value, average)
  return jnp.where(node.visits > 0, best, average), returns
