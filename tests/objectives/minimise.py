"""Exact expectations, minimised by full-batch steps."""

import jax
import numpy as np
import optax


def minimise(loss_fn, start, *, rate=0.1, steps=1500):
  """Arguments of the least of `loss_fn`, by Adam with a falling rate."""
  tx = optax.adam(optax.cosine_decay_schedule(rate, steps))

  @jax.jit
  def run(x):
    def update(carry, _):
      x, state = carry
      change, state = tx.update(jax.grad(loss_fn)(x), state)
      return (optax.apply_updates(x, change), state), None

    return jax.lax.scan(update, (x, tx.init(x)), length=steps)[0][0]

  return jax.tree.map(np.asarray, run(start))


def slopes(loss_fn, x, h=1e-5):
  """Central differences, entry by entry; float64."""
  flat = np.asarray(x, np.float64)
  found = np.zeros_like(flat)
  for index in np.ndindex(flat.shape):
    move = np.zeros_like(flat)
    move[index] = h
    found[index] = (loss_fn(flat + move) - loss_fn(flat - move)) / (2 * h)
  return found
