"""PaRIS particle Gibbs: expectations over whole paths, with little bias."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from prm_jax import types
from prm_jax.search import (
  base,
  buffers,
  conditional,
  gibbs,
  loop,
  potentials,
  ranking,
)
from prm_jax.search import snapshots as snapshots_lib

# `(params, before, after) -> log m(after of row i | before of row j)` at
# [b, j, i]: the law of a step from another row's state.
TransitionFn: TypeAlias = Callable[
  [types.Params, base.Embedding, base.Embedding], Array
]

# `output -> log G` [B, N], a potential that looks at no more than the step.
WeightFn: TypeAlias = Callable[[base.StepOutput], Array]

# `(before, after) -> h_t` at [b, j, i]: a step's share of an additive
# functional sum_t h_t(x_{t-1}, x_t).
AdditiveFn: TypeAlias = Callable[[base.Embedding, base.Embedding], Array]


class _Past(NamedTuple):
  """The rows before the last selection."""

  embedding: base.Embedding
  log_weight: Array  # [B, N]
  statistic: Array  # [B, N]


class Estimate(NamedTuple):
  """The expectation of a functional under the filter's target."""

  value: Array  # [B] mean over the sweeps after the burn-in
  sweeps: Array  # [iterations, B]
  output: base.SearchOutput  # of the last sweep, with the cost of all


def update(
  rng_key: Array,
  statistic: Float[Array, "N"],
  log_weight: Float[Array, "N N"],
  increment: Float[Array, "N N"],
  num_draws: int = 2,
) -> Float[Array, "N"]:
  """One step of PaRIS: tau^i = mean_k (tau^{J_k} + h(J_k, i)).

  Args:
    rng_key: consumed.
    statistic: tau of the rows before the step.
    log_weight: of the draw of J, at [j, i]; where a column is -inf there is no
      past and tau is 0.
    increment: h at [j, i].
    num_draws: K; 2 keeps the variance bounded, 1 does not.
  """
  pasts = jax.random.categorical(
    rng_key, log_weight, axis=0, shape=(num_draws, log_weight.shape[1])
  )
  here = jnp.arange(log_weight.shape[1])
  drawn = jnp.mean(statistic[pasts] + increment[pasts, here], axis=0)
  return jnp.where(jnp.any(log_weight > -jnp.inf, axis=0), drawn, 0)


def log_score(output: base.StepOutput) -> Array:
  """log r_t, as `potentials.last`."""
  return jnp.log(jnp.maximum(output.score, 0))


def paris_gibbs(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  additive_fn: AdditiveFn,
  transition_fn: TransitionFn | None = None,
  weight_fn: WeightFn = log_score,
  max_steps: int,
  iterations: int = 8,
  burn_in: int = 4,
  num_draws: int = 2,
  snapshots: snapshots_lib.Snapshots = snapshots_lib.WHOLE,
  **options: Any,
) -> Estimate:
  """E[sum_t h_t] under the filter's target (2301.00900).

  Each sweep of `gibbs.particle_gibbs` carries along, for every row, what the
  functional is on average over the pasts it may have had, drawn backwards
  after each step; the reference's row too. A sweep's estimate is the mean by
  final weight. Its bias falls geometrically with the sweeps before it.

  The pasts are drawn among the weighted rows as they were before they were
  resampled: among those that survived, the estimate keeps a bias. Rows are
  resampled after every step and end together.

  Args:
    params: passed on to `step_fn` and `transition_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with N rows each.
    step_fn: writes and scores one step of every row.
    take_fn: forks rows of the embedding.
    additive_fn: h.
    transition_fn: log m of a Markov model. None: every row has its own past
      and no other, as where a step depends on all that precedes; the draws
      have then nothing to choose from and the statistic follows genealogies.
    weight_fn: the potential.
    max_steps: T, steps a row may take.
    iterations: sweeps.
    burn_in: sweeps that `value` leaves out.
    num_draws: K, pasts drawn per row and step.
    snapshots: brings rows forked from the reference back in time.
    **options: of `gibbs.sweeps` and `particle.particle_filter`.
  """
  if not 0 <= burn_in < iterations:
    raise ValueError(f"burn_in must be in [0, {iterations}), got {burn_in}")
  shape = jax.eval_shape(step_fn, params, rng_keys, root)[0].score.shape
  nothing = jax.tree.map(jnp.zeros_like, root)

  def observe(output: base.SearchOutput) -> Array:
    weights = jax.nn.softmax(output.log_weight, axis=1)
    return jnp.sum(weights * output.embedding.memo.statistic, axis=1)

  def bind_step_fn(kit: conditional.Kit) -> base.StepFn:
    return _remembering(kit, additive_fn, transition_fn, weight_fn, num_draws)

  output, seen = gibbs.sweeps(
    params,
    rng_keys,
    root,
    conditional.Kit(step_fn, take_fn, snapshots),
    max_steps=max_steps,
    iterations=iterations,
    bind_step_fn=bind_step_fn,
    observe=observe,
    memo=_Past(nothing, jnp.zeros(shape), jnp.zeros(shape)),
    potential=lambda rows, step: potentials.written(
      step, weight_fn(step.output)
    ),
    resample="always",
    **options,
  )
  return Estimate(jnp.mean(seen[burn_in:], axis=0), seen, output)


def _remembering(
  kit: conditional.Kit,
  additive_fn: AdditiveFn,
  transition_fn: TransitionFn | None,
  weight_fn: WeightFn,
  num_draws: int,
) -> base.StepFn:
  """`conditional.step_fn` that updates the statistic of every row."""
  step_fn = conditional.step_fn(kit)
  # References hold their future: here they are as they were.
  now = lambda state: conditional.rewind(kit, state, state.kept).embedding

  def step(
    params: types.Params,
    rng_keys: Array,
    before: conditional.State,
    active: Array | None = None,
    /,
  ) -> tuple[base.StepOutput, conditional.State]:
    output, state = step_fn(params, rng_keys, before, active)
    none = jnp.zeros_like(before.memo.statistic)
    first = _Past(now(before), none, none)
    past: _Past = buffers.where(before.number == 0, first, before.memo)
    after = now(state)
    if transition_fn is None:
      rows = jnp.arange(none.shape[1])[:, None]
      log_m = jnp.where(rows == before.origin[:, None], 0.0, -jnp.inf)
    else:
      log_m = transition_fn(params, past.embedding, after)
    keys = loop.step_keys(rng_keys, _PASTS)
    statistic = jax.vmap(update, in_axes=(0, 0, 0, 0, None))(
      keys,
      past.statistic,
      past.log_weight[:, :, None] + log_m,
      additive_fn(past.embedding, after),
      num_draws,
    )
    # As the filter has it: a step that cannot be weighed weighs nothing.
    weight = ranking.comparable(weight_fn(output))
    new = _Past(after, weight, statistic)
    ended = state.number > before.number
    return output, state._replace(memo=buffers.where(ended, new, before.memo))

  return step


# Folded into a step's key for the pasts; no row has this index.
_PASTS = 2**31 - 2
