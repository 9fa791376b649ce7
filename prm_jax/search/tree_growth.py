"""Turning a written step into the children of nodes."""

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from prm_jax import types
from prm_jax.search import base, loop, ranking, tree_priors
from prm_jax.search import tree as tree_lib

# `(output, parents [B, N] nodes, rows) -> reward [B, N]` of each step.
RewardFn: TypeAlias = Callable[
  [base.StepOutput, tree_lib.Nodes, base.Embedding], Array
]


def no_reward(
  output: base.StepOutput, parents: tree_lib.Nodes, rows: base.Embedding
) -> Array:
  """Values alone count."""
  del parents, rows
  return jnp.zeros_like(output.score)


@dataclasses.dataclass(frozen=True, eq=False)
class Growth:
  """What is made of new children.

  Attributes:
    prior: weights siblings, see `tree_priors`.
    reward: of a step.
    same_fn: finds equal siblings, of which the first alone stays open; None
      lets each be a branch of its own.
    noise_alpha: concentration of the Dirichlet noise at the prompt.
    noise_fraction: its share of the prior there; 0 draws none.
    root_score: verifier's score of the prompt; None takes the average of its
      children by prior.
    root_visits: 1 if that score is the first evaluation of the prompt, 0 if
      it is none.
  """

  prior: tree_priors.PriorFn = tree_priors.uniform
  reward: RewardFn = no_reward
  same_fn: ranking.SameFn | None = None
  noise_alpha: float = 0.3
  noise_fraction: float = 0.0
  root_score: ArrayLike | None = None
  root_visits: int = 1


def grow(
  tree: tree_lib.Tree,
  written: tree_lib.Written,
  parents: Array,
  growth: Growth,
  rng_keys: types.PRNGKeys,
  max_steps: int,
) -> tree_lib.Tree:
  """Enters the rows of the ready problems as children.

  A problem whose row wrote nothing was at its end before; a row whose verifier
  says NaN cannot be judged, one of -inf was given up. None is open to the
  search.

  Args:
    tree: its rows lie behind the nodes already.
    written: rows of K families side by side.
    parents: [B, K] the nodes that were extended; NONE: none.
    growth: how.
    rng_keys: [B] the search's keys.
    max_steps: depth at which a node ends.
  """
  output, wrote = written.output, written.wrote
  num_rows, size = wrote.shape[1], tree.nodes.depth.shape[1]
  num_children = num_rows // parents.shape[1]
  repeat = lambda x: jnp.repeat(x, num_children, axis=1)
  split = lambda x: x.reshape(*parents.shape, num_children)
  place = tree.num_nodes[:, None] + jnp.arange(num_rows)
  own = repeat(parents)
  entered = written.ready[:, None] & (own >= 0)

  counts, copies = _count(written, own, growth.same_fn)
  steps = tree_priors.Candidates(
    *map(split, (output.log_prob, output.num_tokens, counts, copies))
  )
  prior = _prior(steps, parents, growth, rng_keys)
  nodes = _judge_root(
    tree.nodes, prior, split(output.score), parents, written.ready, growth
  )

  above = tree_lib.take_nodes(nodes, own)
  depth = above.depth + 1
  children = tree_lib.Nodes(
    parent=own,
    first_child=jnp.full_like(own, tree_lib.NONE),
    depth=depth,
    score=output.score,
    reward=growth.reward(output, above, written.rows),
    prior=prior.reshape(wrote.shape),
    log_prob=output.log_prob,
    log_ratio=output.log_ratio,
    num_tokens=jnp.where(wrote, output.num_tokens, 0),
    done=output.done,
    ended=output.done | (depth >= max_steps),
    closed=~counts | ~ranking.judged(output.score),
    visits=jnp.zeros_like(own),
    value=output.score,
  )
  enter = jax.vmap(lambda leaf, new, at: leaf.at[at].set(new, mode="drop"))
  at = jnp.where(entered, place, size)
  nodes = jax.tree.map(
    lambda leaf, new: enter(leaf, new.astype(leaf.dtype), at), nodes, children
  )
  grown = jnp.where(written.ready[:, None], parents, tree_lib.NONE)
  first = enter(
    nodes.first_child,
    place[:, ::num_children],
    jnp.where(grown >= 0, grown, size),
  )
  more = jnp.where(written.ready, num_rows, 0)
  return tree._replace(
    nodes=nodes._replace(first_child=first), num_nodes=tree.num_nodes + more
  )


def _prior(
  steps: tree_priors.Candidates,
  parents: Array,
  growth: Growth,
  rng_keys: types.PRNGKeys,
) -> Array:
  """The prior of each family, with noise at the root."""
  prior = growth.prior(steps)
  if growth.noise_fraction <= 0:
    return prior
  noise = _noise(rng_keys, steps.counts, growth.noise_alpha)
  mixed = prior + growth.noise_fraction * (noise - prior)
  return jnp.where(parents[..., None] == 0, mixed, prior)


def _count(
  written: tree_lib.Written, parents: Array, same_fn: ranking.SameFn | None
) -> tuple[Array, Array]:
  """Rows that count and how many each stands for, [B, N]."""
  wrote = written.wrote
  if same_fn is None:
    return wrote, wrote.astype(jnp.int32)
  siblings = parents[:, :, None] == parents[:, None, :]
  same = same_fn(written.rows) & siblings & wrote[:, None, :]
  counts = wrote & ~ranking.repeated(same, ~wrote)
  return counts, jnp.where(counts, jnp.sum(same, axis=2), 0)


def _noise(rng_keys: Array, counts: Array, alpha: float) -> Array:
  """Dirichlet noise over the rows that count, [B, K, A]."""
  keys = loop.selection_keys(rng_keys, 0)
  draw = lambda key, on: jax.random.gamma(key, alpha, on.shape) * on
  gammas = jax.vmap(draw)(keys, counts)
  total = jnp.sum(gammas, axis=-1, keepdims=True)
  return gammas / jnp.where(total > 0, total, 1)


def _judge_root(
  nodes: tree_lib.Nodes,
  prior: Array,
  score: Array,
  parents: Array,
  ready: Array,
  growth: Growth,
) -> tree_lib.Nodes:
  """Scores the prompt where it has just been expanded."""
  if growth.root_score is None:
    judged = ranking.judged(score[:, 0])
    weight = jnp.where(judged, prior[:, 0], 0)
    total = jnp.sum(weight, axis=1)
    mean = jnp.sum(weight * jnp.where(judged, score[:, 0], 0), axis=1)
    root_score = mean / jnp.where(total > 0, total, 1)
  else:
    root_score = jnp.asarray(growth.root_score, score.dtype)
  here = ready & (parents[:, 0] == 0)
  root = lambda leaf, new: leaf.at[:, 0].set(jnp.where(here, new, leaf[:, 0]))
  return nodes._replace(
    score=root(nodes.score, root_score),
    value=root(nodes.value, root_score),
    visits=root(nodes.visits, growth.root_visits),
  )
