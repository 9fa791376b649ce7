"""A few steps of a tiny policy, and what an uncached forward says of them."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.decode import sampling, state, step
from prm_jax.models import lm
from prm_jax.search import base
from prm_jax.text import delimiters
from tests.models import tiny

VOCAB, EOS, STEP = 12, 1, 2
PROMPTS = np.array([[4, 5, 6, 0], [7, 8, 0, 0]], np.int32)
LENGTHS = np.array([3, 2], np.int32)
ROWS, SLOTS, MAX_STEP = 6, 10, 4
FORMAT = step.StepFormat(delimiters.single_tokens([STEP], VOCAB), EOS, MAX_STEP)
# Parents after the steps: none moves, rows repeat, the last one takes over.
FORKS = (
  [[0, 1, 2, 3, 4, 5]] * 2,
  [[3, 3, 0, 1, 5, 5], [0, 0, 0, 2, 4, 1]],
  [[5, 4, 3, 2, 1, 0], [5, 5, 5, 5, 1, 0]],
)


class Stage(NamedTuple):
  """One step of all rows; everything as numpy."""

  keys: jax.Array  # [B]
  before: state.Rows
  output: base.StepOutput
  after: state.Rows


def make(seed=0, **changes):
  """A one-layer model whose laws are neither flat nor sharp."""
  model, params = tiny.make(
    seed, vocab_size=VOCAB, num_layers=1, tie_embeddings=False, **changes
  )
  return model, jax.tree_util.tree_map_with_path(
    lambda path, x: 0.4 * x if "lm_head" in str(path) else x, params
  )


def run(
  policy, params, scorer, sampler=None, slots=SLOTS, step_format=FORMAT
) -> list[Stage]:
  """A step more than there are forks, from the prompts on."""
  root = functools.partial(
    state.root, policy, num_rows=ROWS, max_tokens=slots, scorer=scorer
  )
  step_fn = tiny.jit(
    step.make_step_fn(
      policy, scorer, sampler or sampling.SamplerConfig(), step_format
    )
  )
  now = tiny.jit(root)(params, jnp.asarray(PROMPTS), jnp.asarray(LENGTHS))
  stages = []
  for index, parents in enumerate((*FORKS, None)):
    keys = jax.random.split(jax.random.key(index), len(PROMPTS))
    output, after = step_fn(params, keys, now)
    stages.append(Stage(keys, *jax.device_get((now.rows, output, after.rows))))
    if parents is not None:
      now = state.take(after, jnp.asarray(parents, jnp.int32))
  return stages


def each_row(stage: Stage):
  """(b, n, tokens written in this step) of every row."""
  for b, n in np.ndindex(stage.after.length.shape):
    start, end = stage.before.length[b, n], stage.after.length[b, n]
    yield b, n, stage.after.tokens[b, n, start:end]


def flat_texts(rows: state.Rows) -> tuple[np.ndarray, np.ndarray]:
  """Prompts and rows as one sequence each: [B * N, t] and lengths."""
  slots = rows.tokens.shape[2]
  flat = np.zeros((*rows.length.shape, PROMPTS.shape[1] + slots), np.int32)
  for b, start in enumerate(LENGTHS):
    flat[b, :, :start] = PROMPTS[b, :start]
    flat[b, :, start : start + slots] = rows.tokens[b]
  length = LENGTHS[:, None] + rows.length
  return flat.reshape(-1, flat.shape[-1]), length.reshape(-1)


@functools.cache
def _forward(model: lm.Model):
  return tiny.jit(lambda params, *x: lm.forward(model, params, *x))


def uncached(model: lm.Model, params, rows: state.Rows):
  """Outputs [B, N, t, ...] of the rows' texts."""
  out = _forward(model)(params, *tiny.whole(flat_texts(rows)[0]))
  lead = rows.length.shape
  return jax.tree.map(lambda x: np.asarray(x).reshape(*lead, *x.shape[1:]), out)
