"""A language model small enough to enumerate: 31 solutions, exact values.

Vocabulary {0, 1, 2}, 2 ends a solution, at most 4 tokens, one token is one
step. Probabilities and scores are fixed functions of the prefix. A solution
is correct if its tokens sum to 0 modulo 3.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.search import base

# Compiling is most of a test's time: half of it is saved by not optimising.
jit = functools.partial(
  jax.jit,
  compiler_options={
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
  },
)

VOCABULARY, END, LENGTH = 3, 2, 4
NUM_PREFIXES = 4**LENGTH


class Table(NamedTuple):
  """The model and its verifier, by `encode(prefix)`."""

  log_p: jax.Array  # [256, 3] policy
  log_q: jax.Array  # [256, 3] sampler
  score: jax.Array  # [256] verifier
  tokens: jax.Array  # [3] int32 policy tokens each symbol stands for


class Solution(NamedTuple):
  tokens: tuple[int, ...]
  prob: float
  scores: tuple[float, ...]  # of every non-empty prefix
  correct: bool


def encode(prefix) -> int:
  return sum((token + 1) * 4**i for i, token in enumerate(prefix))


def done(prefix) -> bool:
  return len(prefix) == LENGTH or (len(prefix) > 0 and prefix[-1] == END)


def is_correct(prefix) -> bool:
  return done(prefix) and sum(prefix) % 3 == 0


@functools.cache
def policy(prefix) -> np.ndarray:
  """p(. | prefix), float64."""
  z = 1.5 * np.sin(1 + 7 * encode(prefix) + 3 * np.arange(VOCABULARY))
  weights = np.exp(z - z.max())
  return weights / weights.sum()


@functools.cache
def prm(prefix) -> float:
  return float(1 / (1 + np.exp(-2 * np.cos(1 + 5 * encode(prefix)))))


def prefixes():
  """Every prefix, the empty one first, parents before children."""
  found = [()]
  for prefix in found:
    if not done(prefix):
      found.extend((*prefix, token) for token in range(VOCABULARY))
  return found


def solutions() -> list[Solution]:
  found = []
  for prefix in filter(done, prefixes()):
    heads = [prefix[: i + 1] for i in range(len(prefix))]
    prob = np.prod([policy(head[:-1])[head[-1]] for head in heads])
    scores = tuple(prm(head) for head in heads)
    found.append(Solution(prefix, float(prob), scores, is_correct(prefix)))
  return found


def value(prefix) -> float:
  """P(correct | prefix) under the policy."""
  if done(prefix):
    return float(is_correct(prefix))
  children = [value((*prefix, token)) for token in range(VOCABULARY)]
  return float(policy(prefix) @ children)


def table(score_fn=prm, temperature=1.0, tokens=(1, 1, 1), dtype=jnp.float32):
  """Arrays of the model; `temperature` flattens or sharpens the sampler."""
  log_p = np.zeros((NUM_PREFIXES, VOCABULARY))
  score = np.zeros(NUM_PREFIXES)
  for prefix in prefixes():
    log_p[encode(prefix)] = np.log(policy(prefix))
    if prefix:
      score[encode(prefix)] = score_fn(prefix)
  log_q = log_p / temperature
  log_q -= np.logaddexp.reduce(log_q, axis=1, keepdims=True)
  return Table(
    *(jnp.asarray(x, dtype) for x in (log_p, log_q, score)),
    jnp.asarray(tokens, jnp.int32),
  )


def twisted(model: Table, psi) -> Table:
  """`model` with the sampler p psi / sum p psi; where all are 0, with p."""
  log_q = np.array(model.log_p)
  for prefix in prefixes():
    if done(prefix):
      continue
    mass = policy(prefix) * [psi((*prefix, token)) for token in range(3)]
    if mass.sum() > 0:
      with np.errstate(divide="ignore"):
        log_q[encode(prefix)] = np.log(mass / mass.sum())
  return model._replace(log_q=jnp.asarray(log_q))


def root(num_problems: int, num_rows: int):
  shape = (num_problems, num_rows)
  return {
    "tokens": jnp.full((*shape, LENGTH), -1, jnp.int32),
    "length": jnp.zeros(shape, jnp.int32),
    "code": jnp.zeros(shape, jnp.int32),
    "done": jnp.zeros(shape, bool),
  }


def keys(num_problems: int, seed: int = 0):
  return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(
    jax.random.key(seed), jnp.arange(num_problems)
  )


def step_fn(params: Table, rng_keys, embedding, active=None):
  """One token of every unfinished row, by the key rule of `search.base`."""

  def draw(key, row, position, log_q):
    key = jax.random.fold_in(jax.random.fold_in(key, row), position)
    return jax.random.categorical(key, log_q)

  rows = jnp.arange(embedding["length"].shape[1])
  token = jax.vmap(jax.vmap(draw, in_axes=(None, 0, 0, 0)), (0, None, 0, 0))(
    rng_keys, rows, embedding["length"], params.log_q[embedding["code"]]
  )
  return write(params, token, embedding, active)


def scripted_step_fn(params, rng_keys, embedding, active=None):
  """Tokens by inverse CDF of a table of uniforms [B, LENGTH, N] in params."""
  del rng_keys
  model, uniforms = params
  cumulative = jnp.cumsum(jnp.exp(model.log_q[embedding["code"]]), axis=-1)
  uniform = scripted(uniforms, embedding)[..., None]
  token = jnp.sum(uniform >= cumulative[..., :-1], axis=-1)
  return write(model, token, embedding, active)


def forced_step_fn(params, rng_keys, embedding, active=None):
  """Tokens from a script [B, LENGTH, N] in params."""
  del rng_keys
  model, script = params
  return write(model, scripted(script, embedding), embedding, active)


def scripted(script, embedding):
  """Each row's entry of a script [B, LENGTH, N] at its own length."""
  at = jnp.minimum(embedding["length"], LENGTH - 1)
  return jnp.take_along_axis(script, at[:, None], axis=1)[:, 0]


def staggered(step_fn):
  """The same steps, but each problem is ready only at every third call.

  The embedding is `(embedding, calls so far)`.
  """

  def wrapped(params, rng_keys, state, active=None):
    embedding, calls = state
    problems = jnp.arange(embedding["length"].shape[0])
    ready = (calls + problems) % 3 == 0
    shape = embedding["length"].shape
    on = jnp.broadcast_to(ready[:, None], shape)
    on = on if active is None else on & active
    output, embedding = step_fn(params, rng_keys, embedding, on)
    return output._replace(ready=ready), (embedding, calls + 1)

  return wrapped


def write(params: Table, token, embedding, active=None):
  """Appends `token` to the unfinished active rows and judges them."""
  active = ~embedding["done"] & (True if active is None else active)
  code, length = embedding["code"], embedding["length"]

  def gather(log_probs):
    chosen = jnp.take_along_axis(log_probs[code], token[..., None], axis=-1)
    return jnp.where(active, chosen[..., 0], 0)

  log_q = gather(params.log_q)
  log_ratio = gather(params.log_p) - log_q
  here = (jnp.arange(LENGTH) == length[..., None]) & active[..., None]
  length = length + active
  embedding = {
    "tokens": jnp.where(here, token[..., None], embedding["tokens"]),
    "length": length,
    "code": jnp.where(active, code + (token + 1) * 4 ** (length - 1), code),
    "done": embedding["done"]
    | (active & ((token == END) | (length == LENGTH))),
  }
  num_tokens = jnp.where(active, params.tokens[token], 0)
  output = base.StepOutput(
    score=params.score[embedding["code"]],
    log_prob=log_q,
    log_ratio=log_ratio,
    num_tokens=num_tokens,
    verifier_tokens=num_tokens,
    done=embedding["done"],
    iterations=jnp.max(num_tokens, axis=1),
    ready=jnp.ones(num_tokens.shape[0], bool),
    cut=jnp.zeros(num_tokens.shape, bool),
  )
  return output, embedding


def correct(embedding):
  """[B, N] float: is the row's solution correct?"""
  tokens = embedding["tokens"]
  total = jnp.sum(jnp.where(tokens < 0, 0, tokens), axis=-1)
  return ((total % 3 == 0) & embedding["done"]).astype(jnp.float32)


def codes() -> np.ndarray:
  """`encode` of every solution, in the order of `solutions()`."""
  return np.array([encode(s.tokens) for s in solutions()])
