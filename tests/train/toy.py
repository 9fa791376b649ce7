"""A model, a loss and resumable data, all tiny; and a run that can be killed.

`python toy.py WORKDIR [WHERE NUMBER]` trains and writes `final.npz`; it kills
itself with SIGKILL at the place named.
"""

import os
import pathlib
import signal
import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from prm_jax import metrics
from prm_jax.checkpoint import store as store_lib
from prm_jax.train import evaluate, loop, optim, writers

VOCAB = 16


class Toy(nn.Module):
  """Embedding, a hidden layer, logits."""

  width: int = 8
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, tokens):
    def init(*names):
      return nn.with_logical_partitioning(nn.initializers.normal(0.3), names)

    table = self.param(
      "table", init("vocab", "embed"), (VOCAB, self.width), jnp.float32
    )
    x = table[tokens].astype(self.dtype)
    x = nn.with_logical_constraint(x, ("batch", "length", "embed"))
    x = nn.Dense(
      4 * self.width,
      dtype=self.dtype,
      kernel_init=init("embed", "mlp"),
      bias_init=init("mlp"),
      name="up",
    )(x)
    x = nn.Dense(
      self.width,
      dtype=self.dtype,
      kernel_init=init("mlp", "embed"),
      name="down",
    )(jnp.tanh(x))
    return (x @ table.T.astype(self.dtype)).astype(jnp.float32)


def init_fn(rng_key, model=None):
  tokens = jnp.zeros((1, 4), jnp.int32)
  return (model or Toy()).init(rng_key, tokens)["params"]


def make_loss(model=None):
  """Cross-entropy, summed over what `weights` marks."""
  model = model or Toy()

  def loss_fn(params, batch):
    logits = model.apply({"params": params}, batch["tokens"])
    each = optax.softmax_cross_entropy_with_integer_labels(
      logits, batch["targets"]
    )
    right = logits.argmax(-1) == batch["targets"]
    weights = batch["weights"]
    count = weights.sum()
    return metrics.Mean((each * weights).sum(), count), {
      "accuracy": metrics.Mean((right * weights).sum(), count)
    }

  return loss_fn


class Batches:
  """Endless [rows, 6] batches that follow from their index alone."""

  def __init__(self, rows=8, poison=None, num=None):
    self.index = 0
    self._rows = rows
    self._poison = poison  # the index of a batch with infinite weights
    self._num = num

  def __iter__(self):
    return self

  def __next__(self):
    if self.index == self._num:
      raise StopIteration
    rng = np.random.default_rng(self.index)
    tokens = rng.integers(0, VOCAB, (self._rows, 6)).astype(np.int32)
    weights = (rng.random(tokens.shape) < 0.7).astype(np.float32)
    if self.index == self._poison:
      weights[0, 0] = np.inf
    self.index += 1
    return {
      "tokens": tokens,
      "targets": (3 * tokens + 1) % VOCAB,
      "weights": weights,
    }

  def get_state(self):
    return {"index": self.index}

  def set_state(self, state):
    self.index = state["index"]


def setup(model=None, num_steps=24, mesh=None, num_micro_batches=1, **changes):
  config = {"learning_rate": 1e-2, "weight_decay": 0.1, "warmup_steps": 2}
  return loop.setup(
    lambda key: init_fn(key, model),
    make_loss(model),
    optim_config=optim.OptimConfig(
      num_steps=num_steps, **(config | {"ema_decay": 0.9} | changes)
    ),
    rng_key=jax.random.key(0),
    mesh=mesh,
    num_micro_batches=num_micro_batches,
  )


FIT = loop.FitConfig(num_steps=24, log_every=4, eval_every=12, save_every=6)


def train(workdir, batches=None, config=FIT, run=None, **options):
  """`fit` with everything that a command would bind."""
  run = run or setup()
  eval_fn = evaluate.make_eval_fn(
    make_loss(), lambda: [next(Batches(poison=None))], run.mesh
  )
  with store_lib.CheckpointStore(workdir / "checkpoints", **options) as store:
    return loop.fit(
      run,
      batches or Batches(),
      config,
      workdir=workdir,
      store=store,
      eval_fn=eval_fn,
    )


def rows(workdir):
  """The metrics of a run, times left out."""
  return [
    {k: v for k, v in row.items() if not k.startswith("time/")}
    for row in writers.read(workdir / writers.FILE)
  ]


def flat(tree):
  """Path -> numpy array."""
  leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
  return {jax.tree_util.keystr(path): np.asarray(x) for path, x in leaves}


def _die():
  os.kill(os.getpid(), signal.SIGKILL)


def _plant(where, number):
  """Arranges for the process to kill itself."""
  if where == "batch":  # between two steps
    read = Batches.__next__

    def die_reading(self):
      if self.index == number:
        _die()
      return read(self)

    Batches.__next__ = die_reading
  elif where == "saving":  # while a checkpoint is written in the background
    save = store_lib.CheckpointStore.save

    def die_saving(self, step, *args):
      save(self, step, *args)
      if step == number:
        _die()

    store_lib.CheckpointStore.save = die_saving
  elif where == "row":  # half a row is on the disk
    write = writers.MetricWriter.write

    def die_writing(self, step, scalars):
      if step == number:
        self._file.write('{"step": 1')
        self._file.flush()
        _die()
      write(self, step, scalars)

    writers.MetricWriter.write = die_writing
  else:
    raise ValueError(where)


def main():
  workdir = pathlib.Path(sys.argv[1])
  if len(sys.argv) > 2:
    _plant(sys.argv[2], int(sys.argv[3]))
  final = train(workdir)
  np.savez(workdir / "final.npz", **flat((final.params, final.opt_state)))


if __name__ == "__main__":
  main()
