"""Held-out loss: the training loss function over batches, without updates."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
from jax.sharding import Mesh

from prm_jax import metrics, types
from prm_jax.train import partition, step


def make_eval_fn(
  loss_fn: step.LossFn | step.FrozenLoss,
  make_batches: Callable[[], Iterable[step.Batch]],
  mesh: Mesh,
) -> Callable[[types.Params], metrics.Metrics]:
  """Builds `eval_fn(params) -> metrics`, the loss among them as `loss`.

  Args:
    make_batches: starts one pass over the held-out data: this process's rows
      [b, ...], all batches of one shape.
  """
  sharding = partition.batch_sharding(mesh)

  frozen = loss_fn.frozen if isinstance(loss_fn, step.FrozenLoss) else None

  @jax.jit
  def evaluate(
    params: types.Params, batch: step.Batch, frozen: Any
  ) -> step.StepMetrics:
    own = (
      loss_fn.bind(frozen) if isinstance(loss_fn, step.FrozenLoss) else loss_fn
    )
    with partition.activation_rules(mesh):
      mean, extra = own(params, batch)
    return {**extra, "loss": mean}

  def eval_fn(params: types.Params) -> metrics.Metrics:
    summed: metrics.Metrics | None = None
    for batch in make_batches():
      found = evaluate(params, partition.put_batch(batch, sharding), frozen)
      summed = found if summed is None else metrics.merge(summed, found)
    if summed is None:
      raise ValueError("make_batches() gave no batch")
    return summed

  return eval_fn
