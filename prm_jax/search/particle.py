"""Particle filtering over reasoning steps."""

import dataclasses
import math
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from prm_jax import masked, types
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import base, buffers, lineage, loop, potentials, resampling

# `(log-weights [B, G, n], share of the step budget that is spent [B, 1]) ->
# temperatures [B, G]`.
TemperFn: TypeAlias = Callable[[Array, Array], Array]

# `(keys [B], log-weights [B, G, n], rows, step) -> parents [B, G, n]` within
# the groups.
DrawFn: TypeAlias = Callable[[Array, Array, loop.Rows, loop.Step], Array]

# The best row by its aggregate, or a draw by weight.
Choose: TypeAlias = Literal["argmax", "sample"]

# `(rows, steps taken [B]) -> log G` [B, N] that is owed at the end.
FinalFn: TypeAlias = Callable[[loop.Rows, Array], Array]


class Limits(NamedTuple):
  """When a filter may resample at all; what triggers it is another matter."""

  warm_up: int = 0  # not after the first so many steps
  every: int = 1  # only after every so many-th step
  most: int | None = None  # no more than so many times

  def allow(self, number: Array, times: Array) -> Array:
    """After step `number` [B] and `times` [B, G] resamplings: [B, G] bool."""
    after = number + 1
    due = (after > self.warm_up) & (after % self.every == 0)
    allowed = jnp.broadcast_to(due[:, None], times.shape)
    return allowed if self.most is None else allowed & (times < self.most)


NO_LIMITS = Limits()


class Weights(NamedTuple):
  """The filter's own part of the carry; G groups of n rows."""

  log_weight: Array  # [B, N] since the last resampling
  log_evidence: Array  # [B, G] up to the last resampling
  ess: Array  # [B, T]
  times: Array  # [B, G] int32 resamplings


def particle_filter(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  max_steps: int,
  potential: potentials.PotentialFn = potentials.odds,
  final: FinalFn | None = None,
  resample: Literal["always", "ess", "never"] = "ess",
  ess_threshold: ArrayLike = 0.5,
  limits: Limits = NO_LIMITS,
  scheme: resampling.ResampleFn = resampling.systematic,
  draw: DrawFn | None = None,
  temper: TemperFn | None = None,
  correct_weights: bool = True,
  num_groups: int = 1,
  target: Literal["sampler", "base"] = "sampler",
  root_score: ArrayLike = 1.0,
  choose: Choose = "argmax",
  aggregate: base.AggregateFn = aggregate_lib.last,
  run: loop.RunFn = loop.run,
) -> base.SearchOutput:
  """Samples from the policy tilted by the verifier (2502.01618).

  After each step: log W += log G. Where resampling triggers, log Z += log
  mean W, parents are drawn by W and W becomes 1; elsewhere the weights are
  carried. A row that was finished before the step has G = 1, or the target
  would depend on how long its neighbours run. Nothing is resampled after the
  last step. exp(log_evidence) is unbiased for the normaliser Z of the target,
  and exp(log_evidence) * sum w f for Z E[f], w the normalised log_weight, for
  any number of rows; self-normalised averages are biased by O(1 / N).

  A potential that is NaN gives the row weight zero. Where all rows have
  weight zero the parents are drawn evenly, and log_evidence is -inf.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with N rows each.
    step_fn: writes and scores one step of every row.
    take_fn: forks rows of the embedding.
    max_steps: T, steps a row may take.
    potential: log G_t of the step, see `potentials`.
    final: what rows owe when their problem is over. A potential cannot tell
      its last call: resampling may leave none but finished rows.
    resample: after every step, where the effective sample size is below
      `ess_threshold * N`, or never (importance sampling).
    ess_threshold: for `resample="ess"`.
    limits: when resampling is not even considered.
    scheme: draws parents from log-weights.
    draw: draws parents in its stead where more than weights must be known.
    temper: draws parents by W^(1 / temperature) with a temperature of its.
    correct_weights: a tempered draw leaves the weight W^(1 - 1 / temperature)
      it did not use, up to the mean. False forgets it, as arXiv 2510.05825
      does: the target is then another, and log_evidence says nothing.
    num_groups: G independent filters, on blocks of n = N / G neighbours.
    target: "sampler" tilts the law the tokens are drawn from, "base" the
      policy's own, by weighting with `log_ratio`.
    root_score: r_0 for `potentials.difference`, broadcast to [B, N].
    choose: the best row by `aggregate`, or a draw by weight.
    aggregate: step scores to one score per row.
    run: takes the population to its end, see `queue`.

  Returns:
    SearchOutput whose log_evidence is the log of the groups' mean and whose
    `ess` is the sum of the groups' sizes.
  """
  population = loop.start(
    params, rng_keys, root, step_fn, max_steps, root_score
  )
  num_rows = population.rows.done.shape[1]
  if num_rows % num_groups:
    raise ValueError(f"{num_rows} rows in {num_groups} groups")
  size = num_rows // num_groups
  trigger = {"always": math.inf, "ess": ess_threshold * size, "never": -1.0}
  select = _Selection(
    potential=potential,
    trigger=trigger[resample],
    limits=limits,
    draw=draw or _drawn_by(scheme, size),
    temper=temper,
    correct_weights=correct_weights,
    target=target,
  )
  weights = _even(population, num_groups)
  if resample != "always" or limits != NO_LIMITS:
    take_fn = lineage.when_moved(take_fn)
  population, weights = run(
    params, rng_keys, population, step_fn, take_fn, select, weights
  )
  owed = 0.0 if final is None else final(population.rows, population.step)
  weights = weights._replace(log_weight=weights.log_weight + owed)
  log_weight, log_evidence = _across_groups(weights)
  output = loop.finish(
    population,
    aggregate,
    log_weight=log_weight,
    log_evidence=log_evidence,
    ess=weights.ess,
  )
  return output._replace(chosen=CHOICES[choose](rng_keys, output))


def _even(population: loop.Population, num_groups: int) -> Weights:
  """The weights before any step."""
  zeros = jnp.zeros_like(population.rows.last_score)
  return Weights(
    log_weight=zeros,
    log_evidence=zeros[:, :num_groups],
    ess=jnp.zeros_like(population.rows.step_scores[:, 0]),
    times=jnp.zeros(zeros[:, :num_groups].shape, jnp.int32),
  )


def _best(rng_keys: Array, output: base.SearchOutput) -> Array:
  del rng_keys
  return output.chosen


def _drawn(rng_keys: Array, output: base.SearchOutput) -> Array:
  keys = loop.step_keys(rng_keys, loop.SELECTION)
  one = lambda key, log_weight: resampling.multinomial(key, log_weight, 1)[0]
  return jax.vmap(one)(keys, output.log_weight)


# `(keys of the filter [B], output) -> the row returned [B]`.
CHOICES: dict[Choose, Callable[[Array, base.SearchOutput], Array]] = {
  "argmax": _best,
  "sample": _drawn,
}


@dataclasses.dataclass(frozen=True)
class _Selection:
  """Weighs the step, and resamples where the ESS is below `trigger`."""

  potential: potentials.PotentialFn
  trigger: ArrayLike
  limits: Limits
  draw: DrawFn
  temper: TemperFn | None
  correct_weights: bool
  target: str

  def __call__(
    self, keys: Array, rows: loop.Rows, step: loop.Step, weights: Weights
  ) -> tuple[Array, Weights]:
    log_g = self.potential(rows, step)
    if self.target == "base":
      log_g = log_g + jnp.where(step.wrote, step.output.log_ratio, 0)
    # -inf - -inf, too: a row of weight zero keeps it.
    log_g = jnp.where(jnp.isnan(log_g), -jnp.inf, log_g)
    log_weight = by_group(weights.log_weight + log_g, weights.times.shape[1])
    ess = resampling.effective_sample_size(log_weight)
    allowed = self.limits.allow(step.number, weights.times)
    resampled = step.more[:, None] & allowed & (ess < self.trigger)
    drawn_by = self._tempered(log_weight, rows, step)
    local = self.draw(keys, drawn_by, rows, step)
    left = jnp.zeros_like(log_weight)
    if self.temper is not None and self.correct_weights:
      left = _unused(log_weight, drawn_by, local)
    first = jnp.arange(ess.shape[1], dtype=jnp.int32)[:, None]
    parents = local + first * log_weight.shape[2]
    flat, moved = rows.done.shape, resampled[:, :, None]
    own = by_group(lineage.identity(rows.done), ess.shape[1])
    ran = jnp.any(step.wrote, axis=1)
    return jnp.where(moved, parents, own).reshape(flat), Weights(
      log_weight=jnp.where(moved, left, log_weight).reshape(flat),
      log_evidence=weights.log_evidence
      + jnp.where(resampled, _log_mean(log_weight), 0),
      ess=buffers.put_step(
        weights.ess,
        step.number,
        jnp.where(ran, jnp.sum(ess, axis=1), 0),
        step.ready,
      ),
      times=weights.times + resampled,
    )

  def _tempered(
    self, log_weight: Array, rows: loop.Rows, step: loop.Step
  ) -> Array:
    if self.temper is None:
      return log_weight
    spent = (step.number[:, None] + 1) / rows.step_scores.shape[2]
    return log_weight / self.temper(log_weight, spent)[..., None]


def by_group(rows: Array, num_groups: int) -> Array:
  """[B, N] -> [B, G, n]: blocks of neighbours."""
  return rows.reshape(rows.shape[0], num_groups, -1)


def group_keys(keys: Array, num_groups: int) -> Array:
  """[B, G] keys; one group draws with the problem's own."""
  if num_groups == 1:
    return keys[:, None]
  fold = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
  return jax.vmap(fold, in_axes=(0, None))(keys, jnp.arange(num_groups))


def _drawn_by(scheme: resampling.ResampleFn, size: int) -> DrawFn:
  """Every group by itself."""

  def draw(
    keys: Array, log_weight: Array, rows: loop.Rows, step: loop.Step
  ) -> Array:
    del rows, step
    one = lambda key, log_weight: scheme(key, log_weight, size)
    keys = group_keys(keys, log_weight.shape[1])
    return jax.vmap(jax.vmap(one))(keys, log_weight)

  return draw


def _unused(log_weight: Array, drawn_by: Array, parents: Array) -> Array:
  """What is left of the parents' weights: w_i over N times P(draw i)."""
  relative = lambda log_w: log_w - _log_mean(log_w)[..., None]
  left = relative(log_weight) - relative(drawn_by)
  left = jnp.take_along_axis(left, parents, axis=2)
  return jnp.where(jnp.isnan(left), 0, left)  # all weights were zero


def _across_groups(weights: Weights) -> tuple[Array, Array]:
  """Weights that compare rows of all groups, and the evidence."""
  past = weights.log_evidence
  log_weight = by_group(weights.log_weight, past.shape[1])
  top = jnp.max(past, axis=1, keepdims=True)
  apart = jnp.where(jnp.isneginf(top), 0, past - top)
  return (
    (log_weight + apart[..., None]).reshape(weights.log_weight.shape),
    _log_mean(past + _log_mean(log_weight)),
  )


def _log_mean(log_weight: Array) -> Array:
  """log of the mean weight over the last axis."""
  return masked.logsumexp(log_weight) - math.log(log_weight.shape[-1])
