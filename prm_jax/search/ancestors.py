"""Ancestor sampling: the reference of a particle Gibbs sweep changes its past.

When rows are resampled, so is what the reference descends from: prefix i gets
the reference's remaining steps with probability proportional to its weight
times what the target makes of those steps behind it. Chains mix where
otherwise all rows would come to share the reference's first steps.

The remaining steps are written and judged again behind every prefix that is
not finished, after every step: no cache helps with that. They are counted as
written, read and discarded.
"""

import dataclasses
import functools
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import types
from prm_jax.search import (
  base,
  conditional,
  gibbs,
  lineage,
  loop,
  particle,
  potentials,
  resampling,
)
from prm_jax.search import snapshots as snapshots_lib


@runtime_checkable
class ReplayFn(Protocol):
  """A step function whose rows write what others have written."""

  def __call__(
    self,
    params: types.Params,
    embedding: base.Embedding,
    sources: base.Embedding,
    number: Array,
    active: Array,
    /,
  ) -> tuple[base.StepOutput, base.Embedding]:
    """Writes step `number` [B] of row n of `sources` in row n, where active.

    The output is that of a step function that happened to draw these tokens,
    and is ready. Where the source has no such step nothing is written.
    """
    ...


def particle_gibbs_as(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  replay_fn: ReplayFn,
  take_fn: base.TakeFn = base.take,
  *,
  max_steps: int,
  potential: potentials.PotentialFn = potentials.odds,
  target: str = "sampler",
  iterations: int = 4,
  snapshots: snapshots_lib.Snapshots = snapshots_lib.WHOLE,
  **options: Any,
) -> base.SearchOutput:
  """`gibbs.particle_gibbs` with ancestor sampling (1401.0604).

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with N rows each.
    step_fn: writes and scores one step of every row.
    replay_fn: writes a given step.
    take_fn: forks rows; what it is given stays in use.
    max_steps: T, steps a row may take.
    potential: of `potentials`, with finished rows at G = 1.
    target: see `particle.particle_filter`.
    iterations: sweeps.
    snapshots: brings rows forked from the reference back in time.
    **options: of `gibbs.sweeps` but for `scheme`, which is multinomial.
  """
  kit = conditional.Kit(step_fn, take_fn, snapshots)
  suffixes = Suffixes(kit, replay_fn, params, rng_keys, potential, target)
  return gibbs.sweeps(
    params,
    rng_keys,
    root,
    kit,
    max_steps=max_steps,
    iterations=iterations,
    potential=potential,
    target=target,
    draw=suffixes.draw,
    bind_step_fn=counting,
    graft=suffixes.graft,
    **options,
  ).output


@dataclasses.dataclass(frozen=True)
class Suffixes:
  """What references have still to say, behind other prefixes."""

  kit: conditional.Kit
  replay_fn: ReplayFn
  params: types.Params
  rng_keys: Array
  potential: potentials.PotentialFn
  target: str

  def draw(
    self, keys: Array, log_weight: Array, rows: loop.Rows, step: loop.Step
  ) -> Array:
    """A `particle.DrawFn`: multinomial, the references' own ancestors too."""
    groups, size = log_weight.shape[1:]
    state = step.embedding
    kept = particle.by_group(state.kept, groups)[:, :, 0]
    suffix = jax.lax.cond(
      jnp.any(kept & step.more[:, None]),
      lambda: self.log_weight(rows, step),
      lambda: jnp.zeros_like(rows.last_score),
    )

    def one(key, log_w, suffix, kept):
      free = resampling.multinomial(key, log_w, size)
      own = jax.random.fold_in(key, size)
      ancestor = jnp.where(
        # Weights may be too small for their product: then it stays.
        jnp.any(log_w + suffix > -jnp.inf),
        jax.random.categorical(own, log_w + suffix),
        0,
      )
      others = resampling.multinomial(key, log_w, size - 1)
      bound = jnp.concatenate([ancestor[None].astype(jnp.int32), others])
      return jnp.where(kept, bound, free)

    return jax.vmap(jax.vmap(one))(
      particle.group_keys(keys, groups),
      log_weight,
      particle.by_group(suffix, groups),
      kept,
    )

  def log_weight(self, rows: loop.Rows, step: loop.Step) -> Array:
    """log of what the target makes of the suffix behind each row, [B, N]."""
    state = step.embedding
    sources = self.kit.take_fn(state.embedding, _sources(state.kept))
    number = step.number + 1
    # A reference's own prefix is a prefix like any other.
    back = conditional.rewind(self.kit, state, state.kept)
    population = loop.start(
      self.params,
      self.rng_keys,
      back.embedding,
      self.kit.step_fn,
      rows.step_scores.shape[2],
    )._replace(step=number, embedding=back.embedding, rows=rows)

    def write(carry):
      population, total = carry
      replay = functools.partial(_as_step, self.replay_fn, sources, population)
      population, step = loop.advance(
        self.params, self.rng_keys, population, replay
      )
      said = step.output.log_prob
      if self.target == "base":
        said = said + step.output.log_ratio
      gain = self.potential(population.rows, step)
      gain = gain + jnp.where(step.wrote, said, 0)
      gain = jnp.where(step.ready[:, None], gain, 0)
      return population, total + jnp.where(jnp.isnan(gain), -jnp.inf, gain)

    ends = _of_source(state.trail.num_steps, state.kept)
    population, total = jax.lax.while_loop(
      lambda carry: jnp.any(
        loop.unfinished(carry[0]) & (carry[0].step < jnp.max(ends, axis=1))
      ),
      write,
      (population, jnp.zeros_like(rows.last_score)),
    )
    over = ends <= number[:, None]
    fits = jnp.where(
      over,
      rows.done == _of_source(state.trail.done, state.kept),
      ~rows.done & (population.rows.num_steps == ends),
    )
    return jnp.where(fits, total, -jnp.inf)

  def graft(
    self, before: conditional.State, taken: conditional.State, parents: Array
  ) -> conditional.State:
    """A `conditional.GraftFn`: references behind their new prefixes."""
    moved = parents != lineage.identity(parents)
    grafted = before.kept & moved
    sources = self.kit.take_fn(before.embedding, _sources(before.kept))
    ends = _of_source(before.trail.num_steps, before.kept)

    def write(carry):
      state, number = carry
      active = grafted & (number[:, None] < ends) & ~state.trail.done
      output, embedding = self.replay_fn(
        self.params, state.embedding, sources, number, active
      )
      wrote = active & (output.num_tokens > 0)
      trail = conditional.extend(
        self.kit, state.trail, embedding, output, number, wrote
      )
      tokens = jnp.where(wrote, output.num_tokens, 0)
      state = state._replace(
        embedding=embedding,
        trail=trail._replace(num_steps=trail.num_steps + wrote),
        replayed=state.replayed + jnp.sum(tokens, axis=1),
      )
      return state, number + 1

    state, _ = jax.lax.while_loop(
      lambda carry: jnp.any(
        grafted & (carry[1][:, None] < ends) & ~carry[0].trail.done
      ),
      write,
      (taken, taken.number),
    )
    return state


def counting(kit: conditional.Kit) -> base.StepFn:
  """`conditional.step_fn` that says what `Suffixes.draw` will cost."""
  step_fn = conditional.step_fn(kit)

  def step(
    params: types.Params,
    rng_keys: Array,
    before: conditional.State,
    active: Array | None = None,
    /,
  ) -> tuple[base.StepOutput, conditional.State]:
    output, state = step_fn(params, rng_keys, before, active)
    tokens = state.trail.record.num_tokens
    later = jnp.arange(tokens.shape[2]) >= state.number[:, None, None]
    rest = jnp.sum(jnp.where(later, tokens, 0), axis=2)
    rest = jnp.where(output.done, 0, _of_source(rest, state.kept))
    due = (state.number > before.number) & jnp.any(state.kept, axis=1)
    spent = jnp.where(due, jnp.sum(rest, axis=1), 0)
    return output, state._replace(replayed=state.replayed + spent)

  return step


def _as_step(
  replay_fn: ReplayFn,
  sources: base.Embedding,
  population: loop.Population,
  params: types.Params,
  rng_keys: Array,
  embedding: base.Embedding,
  active: Array | None = None,
) -> tuple[base.StepOutput, base.Embedding]:
  """The step function of a replay, in the loop of a search."""
  del rng_keys
  assert active is not None
  return replay_fn(params, embedding, sources, population.step, active)


def _sources(kept: Array) -> Array:
  """The reference of each row's group, [B, N]: the last one kept so far."""
  rows = lineage.identity(kept)
  return jax.lax.cummax(jnp.where(kept, rows, 0), axis=1)


def _of_source(entry: Array, kept: Array) -> Array:
  return jnp.take_along_axis(entry, _sources(kept), axis=1)
