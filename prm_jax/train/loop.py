"""The one training loop: `setup` compiles, `fit` runs."""

import copy
import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, Protocol, runtime_checkable

import jax
from jax.sharding import Mesh

from prm_jax import errors, metrics, types
from prm_jax.train import (
  optim,
  partition,
  progress,
  report,
  state,
  step,
  topology,
  writers,
)

InitFn = Callable[[types.PRNGKey], types.Params]  # may return boxes
EvalFn = Callable[[types.Params], metrics.Metrics]


@runtime_checkable
class Store(Protocol):
  """Where checkpoints go (`checkpoint.store.CheckpointStore`)."""

  def restore(self, abstract_state: Any, data: Any) -> tuple[int, Any] | None:
    """The newest state and its step; sets `data` to its place."""

  def save(self, step: int, state: Any, data: Any) -> None:
    """Starts to write; the arrays may be donated afterwards."""

  def wait(self) -> None:
    """Returns when all is written."""


class DivergedError(errors.UserError):
  """A loss or gradient was not finite; `state` is the last good one."""

  def __init__(self, message: str, good: state.TrainState):
    super().__init__(message)
    self.state = good


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

  @property
  def num_compilations(self) -> int:
    """Programs compiled for the step so far; batches must not add to it."""
    return self.step_fn._cache_size()


@dataclasses.dataclass(frozen=True)
class FitConfig:
  """How long to train, and how often to report, evaluate and save.

  Attributes:
    num_steps: updates of the run.
    log_every: updates in a row of `metrics.jsonl`; fewer before a save.
    eval_every: updates between two evaluations; 0: at the end only.
    save_every: updates between two checkpoints; 0: at the end only.
    flops_per_token: of a training step, for the MFU; 0: unknown.
  """

  num_steps: int
  log_every: int = 10
  eval_every: int = 0
  save_every: int = 0
  flops_per_token: float = 0.0

  def __post_init__(self) -> None:
    for name, least in (
      ("num_steps", 1),
      ("log_every", 1),
      ("eval_every", 0),
      ("save_every", 0),
    ):
      if getattr(self, name) < least:
        raise errors.UserError(
          f"fit.{name}={getattr(self, name)} must be at least {least}"
        )

  def is_due(self, every: int, number: int) -> bool:
    """Whether what happens `every` so many updates happens after `number`."""
    return number == self.num_steps or (every > 0 and number % every == 0)


def setup(
  init_fn: InitFn,
  loss_fn: step.LossFn | step.StochasticLoss | step.FrozenLoss,
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
  tx = optim.make_optimizer(optim_config, jax.eval_shape(init_fn, rng_key))

  def init(key: types.PRNGKey) -> state.TrainState:
    return state.init_state(
      key, init_fn, tx, use_ema=optim_config.ema_decay > 0
    )

  abstract, init_state = partition.sharded_init(init, mesh, rng_key)
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
    init_state=init_state,
    step_fn=step_fn,
    mesh=mesh,
  )


def fit(
  run: Setup,
  batches: Iterator[step.Batch],
  config: FitConfig,
  *,
  workdir: str | pathlib.Path | None = None,
  store: Store | None = None,
  eval_fn: EvalFn | None = None,
  label: str = "train",
) -> state.TrainState:
  """Trains up to `config.num_steps` updates and returns the last state.

  Continues from the newest checkpoint of `store`; what is written is then
  what a run without interruption would have written.

  Args:
    batches: this process's rows [b, ...] as numpy arrays, all of one shape.
      With a store it must have `get_state` and `set_state`.
    workdir: gets `metrics.jsonl` and `tensorboard/`; None: nothing is written.
    eval_fn: held-out metrics of parameters, reported as `eval/...`. It is
      given the averaged parameters where the run keeps them, and must not
      hold on to them.
    label: of the progress bar.

  Raises:
    DivergedError: not finite; the last good state has been saved.
    UserError: the data ended early, the disk is full, the checkpoint is of
      another model.
  """
  if store is not None and not hasattr(batches, "set_state"):
    raise TypeError("to resume, batches must have get_state and set_state")
  restored = store.restore(run.abstract_state, batches) if store else None
  start, train_state = restored or (0, run.init_state())
  is_primary = topology.here().is_primary
  is_writing = workdir is not None and is_primary
  writer = writers.MetricWriter(str(workdir), start) if is_writing else None
  bar = progress.Progress(label, config.num_steps, is_quiet=not is_primary)
  if start:
    bar.tell(f"{label}: continues from step {start}")
  reporter = report.Reporter(
    writer, bar, flops_per_token=config.flops_per_token, start=start
  )
  try:
    return _Loop(run, batches, config, store, eval_fn, reporter).run_from(
      start, train_state
    )
  finally:
    bar.close()
    if writer is not None:
      writer.close()


@dataclasses.dataclass
class _Loop:
  """What stays the same from step to step of one `fit`."""

  run: Setup
  batches: Any
  config: FitConfig
  store: Store | None
  eval_fn: EvalFn | None
  reporter: report.Reporter
  places: list[tuple[int, Any]] = dataclasses.field(default_factory=list)

  def run_from(
    self, start: int, train_state: state.TrainState
  ) -> state.TrainState:
    """The loop. `number` counts the updates done or queued."""
    config, reporter = self.config, self.reporter
    sharding = partition.batch_sharding(self.run.mesh)
    number = start
    while True:
      # Report, evaluate and save come before the step, in this order: rows
      # up to `number` are on the disk before the checkpoint that resumes
      # after them, and a resumed run does not repeat them.
      if number > start:
        self._boundary(number, train_state)
      if number >= config.num_steps:
        break
      if number % config.log_every == 0 or number == start:
        self._remember(number)
      batch = self._next_batch(number)
      num_tokens = report.num_tokens(batch)
      batch = partition.put_batch(batch, sharding)
      with jax.transfer_guard("disallow"):
        train_state, found = self.run.step_fn(train_state, batch)
      reporter.add(number + 1, found, num_tokens)
      if number == start:
        reporter.skip_time()  # compilation
      # Rows are fetched while the step just queued runs.
      elif number % config.log_every == 0:
        self._report(number, train_state)
      number += 1
    if self.store is not None:
      self.store.wait()
    return train_state

  def _boundary(self, number: int, train_state: state.TrainState) -> None:
    config = self.config
    is_eval = self.eval_fn is not None and config.is_due(
      config.eval_every, number
    )
    is_save = config.is_due(config.save_every, number)
    if not is_eval and not is_save:
      return
    self._report(number, train_state)
    if is_eval and self.eval_fn is not None:
      found = metrics.to_scalars(self.eval_fn(train_state.best_params))
      self.reporter.write(number, {f"eval/{k}": v for k, v in found.items()})
    if is_save and self.store is not None:
      self.store.save(number, train_state, self.batches)
    self.reporter.skip_time()

  def _next_batch(self, number: int) -> step.Batch:
    try:
      return next(self.batches)
    except StopIteration:
      raise errors.UserError(
        f"the data ended after {number} of {self.config.num_steps} steps"
      ) from None

  def _report(self, until: int, train_state: state.TrainState) -> None:
    bad = self.reporter.flush(until)
    if bad is not None:
      self._stop(bad, train_state)

  def _remember(self, number: int) -> None:
    """Keeps the place in the data, to go back to if steps prove bad."""
    if self.store is not None:
      place = copy.deepcopy(self.batches.get_state())
      # Reports lag by one step: the place before the last may be needed.
      self.places = [*self.places[-1:], (number, place)]

  def _stop(self, bad: int, train_state: state.TrainState) -> NoReturn:
    """Saves the state before update `bad`, data rewound to it, and raises."""
    good = train_state.replace(finite=jax.numpy.ones_like(train_state.finite))
    where = ""
    if self.store is not None:
      read, place = [p for p in self.places if p[0] < bad][-1]
      self.batches.set_state(place)
      for _ in range(bad - 1 - read):
        next(self.batches)
      self.store.save(bad - 1, good, self.batches)
      self.store.wait()
      where = f"; the state after step {bad - 1} is saved"
    raise DivergedError(
      f"training stopped at step {bad}: loss or gradient is not finite{where}",
      good,
    )
