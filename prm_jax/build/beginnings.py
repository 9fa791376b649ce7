"""Training that begins with a finished model, wholly or by adapters."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from prm_jax.build import losses, models
from prm_jax.models import lm, lora
from prm_jax.train import loop, partition, state, step
from prm_jax.types import Params

_HEADS = ("value_head",)  # trained whole, beside adapters


class Adapted(NamedTuple):
  """What `loop.setup` is given to train adapters and heads alone.

  Attributes:
    init_fn: key -> what is trained, boxed.
    loss_fn: with the rest as its frozen part.
    merge: what was trained -> parameters of the whole model.
  """

  init_fn: Callable[[jax.Array], Params]
  loss_fn: step.FrozenLoss
  merge: Callable[[Params], Params]


class Begun(NamedTuple):
  """A run that is set up, and what to do with what it trained."""

  run: loop.Setup
  loss_fn: losses.LossFn | step.FrozenLoss  # of what is trained
  merge: Callable[[Params], Params]  # -> parameters of the whole model


def setup(
  model: lm.Model,
  loss_fn: losses.LossFn | step.FrozenLoss,
  warm: Params | None,
  config: lora.LoraConfig,
  *,
  mesh: Mesh,
  **options: Any,
) -> Begun:
  """`loop.setup` of a new model, a whole one that is given, or adapters.

  Args:
    model: to train.
    loss_fn: of its parameters.
    warm: to begin with; None: all are new.
    config: rank 0: all parameters are trained.
    mesh: the devices.
    **options: of `loop.setup`.
  """
  if warm is None or not config.rank:
    run = loop.setup(models.init_fn(model), loss_fn, mesh=mesh, **options)
    run = run if warm is None else begin_from(run, warm)
    return Begun(run, loss_fn, lambda params: params)
  own = adapted(model, warm, loss_fn, config, mesh)
  run = loop.setup(own.init_fn, own.loss_fn, mesh=mesh, **options)
  return Begun(begin_from(run, warm), own.loss_fn, own.merge)


def begin_from(run: loop.Setup, warm: Params) -> loop.Setup:
  """The run with parameters of `warm` where both have the same ones.

  A head of another shape is another head, and stays new.
  """

  def init_state() -> state.TrainState:
    fresh = run.init_state()
    params = _overlay(fresh.params, warm)
    ema = None if fresh.ema is None else jax.tree.map(jnp.copy, params)
    return fresh.replace(params=params, ema=ema)

  return dataclasses.replace(run, init_state=init_state)


def _overlay(fresh: Any, warm: Any) -> Any:
  if not isinstance(fresh, Mapping):
    if fresh.shape != jnp.shape(warm):
      return fresh
    # The step donates what it is given, so this must not be `warm` itself.
    own = jnp.array(warm, fresh.dtype, copy=True)
    return jax.device_put(own, fresh.sharding)
  return {
    name: _overlay(value, warm[name]) if name in warm else value
    for name, value in fresh.items()
  }


def adapted(
  model: lm.Model,
  warm: Params,
  loss_fn: losses.LossFn | step.FrozenLoss,
  config: lora.LoraConfig,
  mesh: Mesh,
) -> Adapted:
  """Adapters beside the trunk of `warm`, and new or given heads.

  Args:
    model: to train; its trunk is that of `warm`.
    warm: parameters of a finished model.
    loss_fn: of whole parameters.
    config: of the adapters.
    mesh: the frozen parameters are laid out on.
  """
  init_whole = models.init_fn(model)
  whole = placed(model, warm, mesh)["params"]
  kept = {name: own for name, own in whole.items() if name not in _HEADS}

  def init(key: jax.Array) -> Params:
    whole_key, own_key = jax.random.split(key)
    whole = init_whole(whole_key)
    heads = {k: v for k, v in whole["params"].items() if k not in kept}
    own = lora.init(own_key, config, whole)
    return {"params": heads, "adapters": own}

  def join(trained: Params, frozen: Any) -> Params:
    return {"params": {**frozen, **trained["params"]}}

  def compute(trained: Params, frozen: Any, batch: step.Batch) -> Any:
    whole = lora.attach(
      join(trained, frozen["trunk"]), trained["adapters"], config
    )
    if isinstance(loss_fn, step.FrozenLoss):
      return loss_fn.fn(whole, frozen["loss"], batch)
    return loss_fn(whole, batch)

  def merge(trained: Params) -> Params:
    return lora.merge(join(trained, kept), trained["adapters"], config)

  held = loss_fn.frozen if isinstance(loss_fn, step.FrozenLoss) else {}
  frozen = {"trunk": kept, "loss": held}
  return Adapted(init, step.FrozenLoss(compute, frozen), merge)


def placed(model: lm.Model, params: Params, mesh: Mesh) -> Params:
  """Parameters on the devices, those that the model has no place for left out.

  Args:
    model: whose they are.
    params: as a checkpoint gives them.
    mesh: the devices.
  """
  boxed = jax.eval_shape(models.init_fn(model), jax.random.key(0))
  shardings = partition.shardings_of(boxed, mesh)["params"]
  return {
    "params": {
      name: jax.device_put(value, shardings[name])
      for name, value in params["params"].items()
      if name in shardings
    }
  }
