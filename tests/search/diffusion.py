"""A masked diffusion small enough to enumerate: 27 texts, exact denoisers.

Three places, all masked at first. The reverse process of an absorbing
diffusion, watched where it jumps: a masked place is chosen evenly and is given
a symbol by the denoiser, p(symbol there | what is visible), exact for a joint
law of all three. One jump is one step; a row is done when nothing is masked.

Nothing is autoregressive here: the order of the places is part of the chance.
"""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.search import base

SYMBOLS, LENGTH, MASK = 3, 3, 3
TEXTS = list(itertools.product(range(SYMBOLS), repeat=LENGTH))


class Denoiser(NamedTuple):
  """By `encode` of what is visible."""

  log_f: jax.Array  # [64, 3, 3] what a symbol at a place weighs
  log_q: jax.Array  # [64, 3, 3] the law it is drawn from
  score: jax.Array  # [64]


def encode(text) -> int:
  return sum(symbol * 4**place for place, symbol in enumerate(text))


def joint(seed: int) -> np.ndarray:
  """Law of the texts, [27]."""
  weights = np.exp(1.2 * np.sin(seed + 5 * np.arange(len(TEXTS)) ** 1.3))
  return weights / weights.sum()


def reward(text) -> float:
  """Of texts, and for lack of better of what is visible of one."""
  return float(0.5 + 0.5 * np.sin(1 + 3 * encode(text)))


def visible(law: np.ndarray, partial) -> float:
  """Probability of the symbols that are not masked."""
  agrees = [
    all(p in (MASK, s) for p, s in zip(partial, text, strict=True))
    for text in TEXTS
  ]
  return float(law[agrees].sum())


def denoiser(powers: dict[int, float]) -> Denoiser:
  """Draws from prod_j p_j^{power_j} place by place; p_j is `joint(j)`."""
  log_f = np.zeros((4**LENGTH, LENGTH, SYMBOLS))
  score = np.zeros(4**LENGTH)
  for partial in itertools.product(range(SYMBOLS + 1), repeat=LENGTH):
    score[encode(partial)] = reward(partial)
    for place in np.flatnonzero(np.array(partial) == MASK):
      for symbol in range(SYMBOLS):
        text = list(partial)
        text[place] = symbol
        log_f[encode(partial), place, symbol] = sum(
          power
          * np.log(visible(joint(seed), text) / visible(joint(seed), partial))
          for seed, power in powers.items()
        )
  log_q = log_f - np.logaddexp.reduce(log_f, axis=2, keepdims=True)
  return Denoiser(*(jnp.asarray(x, jnp.float32) for x in (log_f, log_q, score)))


def root(num_problems: int, num_rows: int) -> jax.Array:
  """What is visible: [B, N, 3] symbols and masks."""
  return jnp.full((num_problems, num_rows, LENGTH), MASK, jnp.int32)


def codes(text: jax.Array) -> jax.Array:
  return jnp.sum(text * 4 ** jnp.arange(LENGTH), axis=-1)


def step_fn(params: Denoiser, rng_keys, text, active=None):
  """One jump of every row that has something masked."""
  masked = text == MASK
  code = codes(text)
  on = jnp.any(masked, axis=2) & (True if active is None else active)

  def jump(key, row, masked, log_q):
    place_key, symbol_key = jax.random.split(jax.random.fold_in(key, row))
    place = jax.random.categorical(place_key, jnp.where(masked, 0.0, -jnp.inf))
    return place, jax.random.categorical(symbol_key, log_q[place])

  rows = jnp.arange(text.shape[1])
  place, symbol = jax.vmap(
    jax.vmap(jump, in_axes=(None, 0, 0, 0)), in_axes=(0, None, 0, 0)
  )(rng_keys, rows, masked, params.log_q[code])
  here = (jnp.arange(LENGTH) == place[..., None]) & on[..., None]
  text = jnp.where(here, symbol[..., None], text)
  done = ~jnp.any(text == MASK, axis=2)
  said = lambda table: jnp.where(on, table[code, place, symbol], 0)
  log_q = said(params.log_q)
  count = on.astype(jnp.int32)
  return base.StepOutput(
    score=params.score[codes(text)],
    log_prob=log_q,
    log_ratio=said(params.log_f) - log_q,
    num_tokens=count,
    verifier_tokens=count,
    done=done,
    iterations=jnp.max(count, axis=1),
    ready=jnp.ones(count.shape[0], bool),
    cut=jnp.zeros(count.shape, bool),
  ), text
