"""The one training loop: `setup` compiles, `fit` runs."""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from prm_jax import metrics, types
from prm_jax.train import optim, partition, state, step

InitFn = Callable[[types.PRNGKey], types.Params]  # may return boxes
EvalFn = Callable[[types.Params], metrics.Metrics]


@dataclasses.dataclass(frozen=True)
class Setup:
  """A run that is ready to start.

  Attributes:
    abstract_state: the state's shapes, types and shardings.
    init_state: makes the state of step 0, sharded from the first moment.
    step_fn: see `step.make_train_step`.
    mesh: the devices.
  """

  abstract_state: state.TrainState
  init_state: Callable[[], state.TrainState]
  step_fn: Any
  mesh: Mesh


@dataclasses.dataclass(frozen=True)
class FitConfig:
  """How long to train, and how often to report, evaluate and save.

  Attributes:
    num_steps: updates of the run.
    log_every: updates between two lines of `metrics.jsonl`.
    eval_every: updates between two evaluations; 0: at the end only.
    save_every: updates between two checkpoints; 0: at the end only.
    flops_per_token: of a training step, for the MFU; 0: unknown.
  """

  num_steps: int
  log_every: int = 10
  eval_every: int = 0
  save_every: int = 0
  flops_per_token: float = 0.0


def setup(
  init_fn: InitFn,
  loss_fn: step.LossFn | step.StochasticLoss,
  *,
  optim_config: optim.OptimConfig,
  rng_key: types.PRNGKey,
  mesh: Mesh | None = None,
  num_micro_batches: int = 1,
) -> Setup:
  """Derives shapes and shardings and wraps the step; computes nothing yet.

  Args:
    init_fn: key -> parameters, boxed by `nn.with_logical_partitioning`.
    loss_fn: (params, batch) -> (Mean, Metrics).
    mesh: default: all devices on `data`.
  """
  mesh = mesh or partition.make_mesh()
  mask = optim.decay_mask(jax.eval_shape(init_fn, rng_key))
  tx = optim.make_optimizer(optim_config, mask)

  def init(key: types.PRNGKey) -> state.TrainState:
    return state.init_state(
      key, init_fn, tx, use_ema=optim_config.ema_decay > 0
    )

  abstract = partition.abstract_init(init, mesh, rng_key)
  step_fn = step.make_train_step(
    loss_fn,
    tx,
    mesh,
    jax.tree.map(lambda x: x.sharding, abstract),
    schedule=optim.make_schedule(optim_config),
    ema_decay=optim_config.ema_decay,
    num_micro_batches=num_micro_batches,
  )
  return Setup(
    abstract_state=abstract,
    init_state=lambda: partition.sharded_init(init, mesh, rng_key),
    step_fn=step_fn,
    mesh=mesh,
  )


def fit(
  run: Setup,
  batches: Iterator[step.Batch],
  config: FitConfig,
  *,
  workdir: str | pathlib.Path | None = None,
  eval_fn: EvalFn | None = None,
) -> state.TrainState:
  """Trains for `config.num_steps` updates and returns the last state."""
  train_state = run.init_state()
  sharding = partition.batch_sharding(run.mesh)
  path = pathlib.Path(workdir) / "metrics.jsonl" if workdir else None
  if path:
    path.parent.mkdir(parents=True, exist_ok=True)
  window: list[Any] = []
  for n in range(config.num_steps):
    batch = partition.put_batch(next(batches), sharding)
    train_state, found = run.step_fn(train_state, batch)
    window.append(found)
    if (n + 1) % config.log_every == 0 or n + 1 == config.num_steps:
      row: dict[str, Any] = {"step": n + 1, **_mean_of(window)}
      window = []
      if n + 1 == config.num_steps and eval_fn is not None:
        scalars = metrics.to_scalars(eval_fn(train_state.best_params))
        row |= {f"eval/{k}": v for k, v in scalars.items()}
      if path:
        with path.open("a") as file:
          file.write(json.dumps(row) + "\n")
  return train_state


def _mean_of(window: list[Mapping[str, metrics.Mean]]) -> dict[str, float]:
  found = jax.device_get(window)
  return {
    f"train/{name}": float(
      jnp.asarray(sum(w[name].total for w in found))
      / sum(w[name].count for w in found)
    )
    for name in found[0]
  }
