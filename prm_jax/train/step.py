"""One update, as one compiled program."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from prm_jax import errors, metrics, types
from prm_jax.train import partition, state

Batch = Mapping[str, Any]  # arrays [b, ...]
LossFn = Callable[[types.Params, Batch], tuple[metrics.Mean, metrics.Metrics]]
FINITE = "finite"  # metric: 1 while every loss and gradient has been finite
StepMetrics = dict[str, metrics.Mean]
StepFn = Callable[
  [state.TrainState, Batch], tuple[state.TrainState, StepMetrics]
]


@dataclasses.dataclass(frozen=True)
class StochasticLoss:
  """A loss that draws: `fn(params, batch, rng_key)`; the key is consumed."""

  fn: Callable[
    [types.Params, Batch, types.PRNGKey],
    tuple[metrics.Mean, metrics.Metrics],
  ]


@dataclasses.dataclass(frozen=True, eq=False)
class FrozenLoss:
  """A loss of what is trained beside parameters that stay as they are.

  Attributes:
    fn: (params, frozen, batch) -> (Mean, Metrics).
    frozen: an argument of the program, for as a constant it would become a
      part of it, whatever its size.
  """

  fn: Callable[[types.Params, Any, Batch], tuple[metrics.Mean, metrics.Metrics]]
  frozen: Any

  def bind(self, frozen: Any) -> LossFn:
    return lambda params, batch: self.fn(params, frozen, batch)


@dataclasses.dataclass(frozen=True, eq=False)
class _FrozenStep:
  """A step whose frozen parameters are bound, not copied."""

  jitted: Any
  frozen: Any

  def __call__(
    self, train_state: state.TrainState, batch: Batch
  ) -> tuple[state.TrainState, StepMetrics]:
    return self.jitted(train_state, batch, self.frozen)

  def _cache_size(self) -> int:
    return self.jitted._cache_size()


def _split_rows(batch: Batch, num: int, mesh: Mesh) -> Batch:
  """[b, ...] -> [num, b / num, ...]; every device keeps its own rows."""
  whole = partition.batch_sharding(mesh)
  spec = jax.sharding.PartitionSpec(None, *whole.spec)

  def leaf(x: jax.Array) -> jax.Array:
    if x.shape[0] % num:
      raise errors.UserError(
        f"num_micro_batches={num} does not divide the batch of {x.shape[0]}"
      )
    parts = x.reshape(x.shape[0] // num, num, *x.shape[1:]).swapaxes(0, 1)
    return jax.lax.with_sharding_constraint(
      parts, jax.sharding.NamedSharding(mesh, spec)
    )

  return jax.tree.map(leaf, batch)


def _summed_gradients(
  loss_fn: LossFn | StochasticLoss,
  params: types.Params,
  batch: Batch,
  rng_key: types.PRNGKey,
  num_micro_batches: int,
  mesh: Mesh,
) -> tuple[types.Params, StepMetrics]:
  """Gradient of the summed loss; nothing is divided yet."""

  def total(
    params: types.Params, rows: Batch, key: types.PRNGKey
  ) -> tuple[jax.Array, StepMetrics]:
    if isinstance(loss_fn, StochasticLoss):
      mean, extra = loss_fn.fn(params, rows, key)
    else:
      mean, extra = loss_fn(params, rows)
    return jnp.asarray(mean.total), {**extra, "loss": mean}

  def gradients(rows: Batch, key: types.PRNGKey) -> Any:
    (_, found), grads = jax.value_and_grad(total, has_aux=True)(
      params, rows, key
    )
    return grads, jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), found)

  if num_micro_batches == 1:
    return gradients(batch, rng_key)

  def add(carry: Any, xs: Any) -> tuple[Any, None]:
    return jax.tree.map(jnp.add, carry, gradients(*xs)), None

  parts = _split_rows(batch, num_micro_batches, mesh)
  keys = jax.random.split(rng_key, num_micro_batches)
  first = jax.tree.map(lambda x: x[0], parts)
  zeros = jax.tree.map(
    lambda x: jnp.zeros(x.shape, x.dtype),
    jax.eval_shape(gradients, first, keys[0]),
  )
  summed, _ = jax.lax.scan(add, zeros, (parts, keys))
  return summed


def _apply(
  train_state: state.TrainState,
  grads: types.Params,
  tx: optax.GradientTransformation,
  ema_decay: float,
) -> state.TrainState:
  updates, opt_state = tx.update(
    grads, train_state.opt_state, train_state.params
  )
  params = optax.apply_updates(train_state.params, updates)
  ema = train_state.ema
  if ema is not None:
    ema = optax.incremental_update(params, ema, 1 - ema_decay)
  return train_state.replace(
    step=train_state.step + 1, params=params, opt_state=opt_state, ema=ema
  )


def make_train_step(
  loss_fn: LossFn | StochasticLoss | FrozenLoss,
  tx: optax.GradientTransformation,
  mesh: Mesh,
  shardings: Any,
  *,
  schedule: optax.Schedule | None = None,
  ema_decay: float = 0.0,
  num_micro_batches: int = 1,
) -> StepFn:
  """Builds `step(state, batch) -> (state, metrics)`, jitted, state donated.

  The loss that is differentiated is (sum of `Mean.total`) / (sum of
  `Mean.count`) over all micro-batches and devices, so neither number changes
  the update. The metrics are those of the parameters before the update.

  A loss or gradient that is not finite leaves the state as it was but for
  `finite`, which turns and stays False.

  Args:
    loss_fn: pure; `params` come without boxes.
    shardings: of the state, leaf by leaf (`partition.shardings_of`).
    schedule: reported as `learning_rate`.
    num_micro_batches: the rows are worked on in so many parts, one after the
      other; memory for activations shrinks accordingly.
  """

  def update(
    loss: LossFn | StochasticLoss, train_state: state.TrainState, batch: Batch
  ) -> tuple[state.TrainState, StepMetrics]:
    with partition.activation_rules(mesh):
      grads, found = _summed_gradients(
        loss,
        train_state.params,
        batch,
        train_state.step_key,
        num_micro_batches,
        mesh,
      )
    count = found["loss"].count
    scale = jnp.where(count == 0, 0.0, 1 / jnp.where(count == 0, 1, count))
    grads = jax.tree.map(lambda g: g * scale.astype(g.dtype), grads)
    norm = optax.tree.norm(grads)
    finite = (
      train_state.finite
      & jnp.isfinite(norm)
      & jnp.isfinite(found["loss"].total)
    )
    updated = _apply(train_state, grads, tx, ema_decay)
    kept = jax.tree.map(
      lambda new, old: jnp.where(finite, new, old), updated, train_state
    )
    one = jnp.ones(())
    found = {
      **found,
      "grad_norm": metrics.Mean(norm, one),
      FINITE: metrics.Mean(finite.astype(jnp.float32), one),
    }
    if schedule is not None:
      rate = jnp.asarray(schedule(train_state.step), jnp.float32)
      found["learning_rate"] = metrics.Mean(rate, one)
    return kept.replace(finite=finite), found

  return _jitted(update, loss_fn, mesh, shardings)


def _jitted(
  update: Callable[..., Any],
  loss_fn: LossFn | StochasticLoss | FrozenLoss,
  mesh: Mesh,
  shardings: Any,
) -> StepFn:
  """`update` of a loss; what is frozen of it is an argument, not a constant."""
  ins = (shardings, partition.batch_sharding(mesh))
  options: dict[str, Any] = {
    "out_shardings": (shardings, partition.replicated(mesh)),
    "donate_argnums": 0,
  }
  if not isinstance(loss_fn, FrozenLoss):

    def train_step(train_state: state.TrainState, batch: Batch) -> Any:
      return update(loss_fn, train_state, batch)

    return jax.jit(train_step, in_shardings=ins, **options)

  def frozen_step(
    train_state: state.TrainState, batch: Batch, frozen: Any
  ) -> Any:
    return update(loss_fn.bind(frozen), train_state, batch)

  places = jax.tree.map(lambda x: x.sharding, loss_fn.frozen)
  jitted = jax.jit(frozen_step, in_shardings=(*ins, places), **options)
  return _FrozenStep(jitted, loss_fn.frozen)
