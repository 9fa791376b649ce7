"""Gumbel MCTS: sequential halving at the prompt (Danihelka et al., 2022).

"Policy improvement by planning with Gumbel", ICLR 2022; the rules are those
of the library mctx.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from prm_jax import types
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import (
  base,
  loop,
  ranking,
  tree_growth,
  tree_output,
  tree_priors,
  tree_rules,
  tree_select,
  tree_solve,
)
from prm_jax.search import tree as tree_lib


class Gumbel(NamedTuple):
  """Hyper-parameters.

  num_simulations: of the whole search.
  num_considered: candidates that halving begins with, at most.
  value_scale: weight of the values against the logits.
  maxvisit_init: visits that weight begins with.
  scale: of the Gumbel noise; 0: none, the best candidates are considered.
  """

  num_simulations: int
  num_considered: int = 16
  value_scale: float = 0.1
  maxvisit_init: float = 50.0
  scale: float = 1.0


def gumbel_mcts(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  put_fn: base.PutFn = base.put,
  *,
  num_simulations: int,
  max_steps: int,
  num_considered: int = 16,
  value_scale: float = 0.1,
  maxvisit_init: float = 50.0,
  gumbel_scale: float = 1.0,
  prior: tree_priors.PriorFn = tree_priors.uniform,
  root_score: ArrayLike | None = None,
  same_fn: ranking.SameFn | None = None,
  choose: tree_output.Choose = "principal",
  aggregate: base.AggregateFn = aggregate_lib.last,
) -> base.SearchOutput:
  """Spends a small budget so that more of it never chooses worse on average.

  At the prompt the candidates are visited equally often, and the worse half
  by g + logits + sigma(Q) drops out again and again; below it visits follow
  softmax(logits + sigma(Q)). Row 0 begins with the survivor.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with N rows each.
    step_fn: writes and scores one step of every row.
    take_fn: loads rows of the store, see `mcts`.
    put_fn: puts rows into the store.
    num_simulations: visits.
    max_steps: T, steps of a solution.
    num_considered: see `Gumbel`, as the next three.
    value_scale: c_scale.
    maxvisit_init: c_visit.
    gumbel_scale: of the noise.
    prior: weights the candidates, see `tree_priors`.
    root_score: verifier's score of the prompt; None: its children's average.
    same_fn: finds equal candidates, which then share one branch.
    choose: the row returned; rows are explained in `tree_output`.
    aggregate: step scores to one score per row.
  """
  rules = gumbel_rules(
    Gumbel(
      num_simulations, num_considered, value_scale, maxvisit_init, gumbel_scale
    ),
    tree_growth.Growth(prior=prior, same_fn=same_fn, root_score=root_score),
  )
  return tree_solve.solve(
    tree_lib.Writer(params, rng_keys, step_fn, take_fn, put_fn),
    root,
    rules,
    tree_rules.Budget(num_simulations, 1, max_steps),
    aggregate=aggregate,
    choose=choose,
  )


def gumbel_rules(
  gumbel: Gumbel, growth: tree_growth.Growth
) -> tree_rules.Rules:
  """Rules of one move: halving counts the visits of the prompt's children."""
  return tree_rules.Rules(
    select=functools.partial(_select, gumbel),
    growth=growth,
    commit=functools.partial(_commit, gumbel),
  )


def improved_policy(
  gumbel: Gumbel, parent: tree_lib.Nodes, children: tree_lib.Nodes
) -> Array:
  """softmax(logits + sigma(completed Q)) of one family, [A]."""
  seen = tree_select.view(parent, children)
  q = _transform(gumbel)(seen, 0)
  return jax.nn.softmax(seen.children_prior_logits[0] + q)


def _select(
  gumbel: Gumbel,
  rng_key: Array,
  parent: tree_lib.Nodes,
  children: tree_lib.Nodes,
) -> Array:
  """1 for the action that mctx takes, 0 elsewhere."""
  import mctx

  noise = _noise(gumbel, rng_key, children)
  extra = mctx.GumbelMuZeroExtraData(root_gumbel=noise)
  seen = tree_select.view(parent, children, extra)
  halving = mctx.gumbel_muzero_root_action_selection(
    rng_key,
    seen,
    0,
    num_simulations=gumbel.num_simulations,
    max_num_considered_actions=gumbel.num_considered,
    qtransform=_transform(gumbel),
  )
  below = mctx.gumbel_muzero_interior_action_selection(
    rng_key, seen, 0, parent.depth, qtransform=_transform(gumbel)
  )
  action = jnp.where(parent.depth == 0, halving, below)
  return jax.nn.one_hot(action, noise.shape[0], dtype=noise.dtype)


def _commit(
  gumbel: Gumbel,
  rng_key: Array,
  parent: tree_lib.Nodes,
  children: tree_lib.Nodes,
) -> Array:
  """The survivor at the prompt, the most visited child below."""
  seen = tree_select.view(parent, children)
  score = _noise(gumbel, rng_key, children) + seen.children_prior_logits[0]
  score = score + _transform(gumbel)(seen, 0)
  survived = children.visits == jnp.max(children.visits)
  return jnp.where(
    parent.depth == 0,
    jnp.where(survived, score, -jnp.inf),
    tree_select.most_visited(rng_key, parent, children),
  )


def _noise(gumbel: Gumbel, rng_key: Array, children: tree_lib.Nodes) -> Array:
  """The same at every call, [A]."""
  key = jax.random.fold_in(rng_key, loop.SELECTION)
  shape, dtype = children.value.shape, children.value.dtype
  return gumbel.scale * jax.random.gumbel(key, shape, dtype)


def _transform(gumbel: Gumbel):
  import mctx

  return functools.partial(
    mctx.qtransform_completed_by_mix_value,
    value_scale=gumbel.value_scale,
    maxvisit_init=gumbel.maxvisit_init,
  )
