"""Held-out loss: the training loss function over batches, without updates."""

from collections.abc import Callable, Iterable

import jax
from jax.sharding import Mesh

from prm_jax import metrics, types
from prm_jax.train import partition, step


def make_eval_fn(
  loss_fn: step.LossFn,
  make_batches: Callable[[], Iterable[step.Batch]],
  mesh: Mesh,
) -> Callable[[types.Params], metrics.Metrics]:
  """Builds `eval_fn(params) -> metrics`, the loss among them as `loss`.

  Args:
    make_batches: starts one pass over the held-out data: this process's rows
      [b, ...], all batches of one shape.
  """
  sharding = partition.batch_sharding(mesh)

  @jax.jit
  def evaluate(params: types.Params, batch: step.Batch) -> step.StepMetrics:
    with partition.activation_rules(mesh):
      mean, extra = loss_fn(params, batch)
    return {**extra, "loss": mean}

  def eval_fn(params: types.Params) -> metrics.Metrics:
    summed: metrics.Metrics | None = None
    for batch in make_batches():
      found = evaluate(params, partition.put_batch(batch, sharding))
      summed = found if summed is None else metrics.merge(summed, found)
    if summed is None:
      raise ValueError("make_batches() gave no batch")
    return summed

  return eval_fn
