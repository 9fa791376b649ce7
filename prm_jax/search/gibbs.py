"""Particle Gibbs: filters that keep a solution of the filter before."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import types
from prm_jax.search import base, conditional, loop, particle, resampling
from prm_jax.search import snapshots as snapshots_lib

# `(keys [B], sweep, output, references [B, G]) -> references`.
ExchangeFn: TypeAlias = Callable[
  [Array, Array, base.SearchOutput, Array], Array
]


class Sweeps(NamedTuple):
  """A chain of filters."""

  output: base.SearchOutput  # of the last one, with the cost of all
  seen: Any  # [iterations, B, ...] what was observed of each


def particle_gibbs(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  max_steps: int,
  iterations: int = 4,
  scheme: str = "multinomial",
  snapshots: snapshots_lib.Snapshots = snapshots_lib.WHOLE,
  **options: Any,
) -> base.SearchOutput:
  """Filters with a reference each, drawn from the last (2502.01618, App. B).

  The first sweep is the particle filter. After a sweep one row is drawn by
  weight; in the next it is row 0, always survives, and may be forked. A sweep
  leaves the filter's target invariant for any N >= 2, with any trigger.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with N rows each.
    step_fn: writes and scores one step of every row.
    take_fn: forks rows of the embedding.
    max_steps: T, steps a row may take.
    iterations: sweeps.
    scheme: a key of `resampling.CONDITIONAL`.
    snapshots: brings rows forked from the reference back in time.
    **options: of `particle.particle_filter`; with `num_groups` every group is
      a chain of its own.

  Returns:
    SearchOutput of the last sweep; the cost is that of all. With an exact
    draw of the target for a reference, the expectation of log_evidence would
    be an upper bound of the log-normaliser (2404.17546).
  """
  chain = sweeps(
    params,
    rng_keys,
    root,
    conditional.Kit(step_fn, take_fn, snapshots),
    max_steps=max_steps,
    iterations=iterations,
    scheme=scheme,
    **options,
  )
  return chain.output


def sweeps(
  params: types.Params,
  rng_keys: Array,
  root: base.Embedding,
  kit: conditional.Kit,
  *,
  max_steps: int,
  iterations: int,
  scheme: str = "multinomial",
  num_groups: int = 1,
  draw: particle.DrawFn | None = None,
  bind_step_fn: Callable[[conditional.Kit], base.StepFn] = conditional.step_fn,
  graft: conditional.GraftFn | None = None,
  exchange: ExchangeFn | None = None,
  observe: Callable[[base.SearchOutput], Any] = lambda output: None,
  memo: Any = None,
  **options: Any,
) -> Sweeps:
  """`particle_gibbs` with its parts to be replaced.

  Args:
    params: passed on to the step function.
    rng_keys: [B], consumed.
    root: N rows each.
    kit: what is known of the embedding.
    max_steps: T.
    iterations: sweeps.
    scheme: of the draw.
    num_groups: G chains.
    draw: parents, where the scheme is not enough.
    bind_step_fn: the step function of a conditional filter.
    graft: completes references with another past, see `ancestors`.
    exchange: between chains, of their references.
    observe: of the output of each sweep, what is kept of it.
    memo: zeros for what the step function keeps of rows, see `State`.
    **options: of the filter.
  """
  state = conditional.start(kit, params, rng_keys, root, max_steps, memo)
  size = state.kept.shape[1] // num_groups
  _check(iterations, size)
  if draw is None:
    bound = resampling.conditional_by_name(scheme)
    draw = conditional.draw(resampling.by_name(scheme), bound, size)

  def filter_once(keys, state):
    return particle.particle_filter(
      params,
      keys,
      state,
      bind_step_fn(kit),
      conditional.take_fn(kit, graft),
      max_steps=max_steps,
      draw=draw,
      num_groups=num_groups,
      **options,
    )

  def sweep(carry, number):
    state, references, cost, _ = carry
    state = jax.lax.cond(
      number > 0,
      lambda: conditional.restart(kit, state, references),
      lambda: state,
    )
    keys = sweep_keys(rng_keys, number)
    output = filter_once(keys, state)
    ends = loop.step_keys(keys, loop.SELECTION)
    references = _drawn(ends, output.log_weight, num_groups)
    if exchange is not None:
      references = exchange(ends, number, output, references)
    cost = jax.tree.map(jnp.add, cost, output.cost)
    return (output.embedding, references, cost, output), observe(output)

  blank = _zeros(jax.eval_shape(filter_once, rng_keys, state))
  references = jnp.zeros((state.kept.shape[0], num_groups), jnp.int32)
  first = (state, references, blank.cost, blank)
  last, seen = jax.lax.scan(sweep, first, jnp.arange(iterations))
  _, _, cost, output = last
  return Sweeps(_finish(output, cost), seen)


def _zeros(shapes: Any) -> Any:
  return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)


def _check(iterations: int, size: int) -> None:
  """ValueError where sweeps could not be, or could not change anything."""
  if iterations < 1:
    raise ValueError(f"iterations must be positive, got {iterations}")
  if iterations > 1 and size < 2:
    raise ValueError("a reference and no other row: nothing would change")


def sweep_keys(rng_keys: Array, number: Array) -> Array:
  """[B] keys of a sweep; the first one has the problems' own."""
  others = loop.step_keys(rng_keys, loop.SELECTION - number)
  return jnp.where(number == 0, rng_keys, others)


def _drawn(keys: Array, log_weight: Array, num_groups: int) -> Array:
  """One row of each group by weight, [B, G]."""
  log_weight = particle.by_group(log_weight, num_groups)
  one = lambda key, log_w: resampling.multinomial(key, log_w, 1)[0]
  place = jax.vmap(jax.vmap(one))(
    particle.group_keys(keys, num_groups), log_weight
  )
  first = jnp.arange(num_groups, dtype=jnp.int32) * log_weight.shape[2]
  return place + first


def _finish(output: base.SearchOutput, cost: base.Cost) -> base.SearchOutput:
  """Without the wrapping; references have cost nothing when told again."""
  state = output.embedding
  final = output.cost.policy_tokens - output.cost.discarded_tokens
  spent = cost.policy_tokens - state.told + state.replayed
  return output._replace(
    embedding=state.embedding,
    cost=cost._replace(
      policy_tokens=spent,
      verifier_tokens=cost.verifier_tokens + state.replayed,
      discarded_tokens=spent - final,
    ),
  )
