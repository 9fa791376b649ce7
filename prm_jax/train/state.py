"""What a training run carries from step to step."""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax

from prm_jax import types


class TrainState(flax.struct.PyTreeNode):
  """The state of a run; a pytree, donated to the step and checkpointed.

  Attributes:
    step: [] int32 updates done.
    params: master parameters (float32 whatever the model computes in).
    opt_state: of optax.
    ema: averaged parameters, or None.
    rng_data: [2] uint32, `key_data` of the run's key. A typed key comes out
      of every step with a sharding of its own, which the cache of the jitted
      call takes for another signature on several devices.
    finite: [] False once a loss or a gradient was not finite. Every later
      step is then the identity, so `step` names the update that failed.
  """

  # Leaves are arrays, or in their place shapes or shardings.
  step: Any
  params: types.Params
  opt_state: Any
  ema: types.Params | None
  rng_data: Any
  finite: Any

  @property
  def step_key(self) -> types.PRNGKey:
    """The key of the next update.

    It follows from the run's key and the step alone, so a resumed run draws
    what an uninterrupted one would have drawn.
    """
    return jax.random.fold_in(
      jax.random.wrap_key_data(self.rng_data), self.step
    )

  @property
  def best_params(self) -> types.Params:
    """The parameters to evaluate and to keep: averaged where there are."""
    return self.params if self.ema is None else self.ema


def init_state(
  rng_key: types.PRNGKey,
  init_fn: Callable[[types.PRNGKey], types.Params],
  tx: optax.GradientTransformation,
  *,
  use_ema: bool = False,
) -> TrainState:
  """Step 0. Boxes put on by the initialisers stay on, in `opt_state` too."""
  init_key, train_key = jax.random.split(rng_key)
  params = init_fn(init_key)
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    opt_state=tx.init(params),
    # A copy: one buffer cannot be donated twice.
    ema=jax.tree.map(jnp.copy, params) if use_ema else None,
    rng_data=jax.random.key_data(train_key),
    finite=jnp.ones((), bool),
  )
