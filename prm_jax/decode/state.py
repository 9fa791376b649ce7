"""What decoding carries: the prompt once per problem, and the rows."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from prm_jax.models import cache, lm
from prm_jax.search import buffers
from prm_jax.types import Array, Params, Parents


class StepRows(NamedTuple):
  """The step at hand of each row; all [B, N]."""

  start: Array  # int32, where it begins
  writing: Array  # bool, not at its end yet
  delimiter: Array  # int32, state of the delimiter automaton
  log_prob: Array  # float32, log q of its tokens
  log_ratio: Array  # float32, log p - log q of its tokens
  cut: Array  # bool, stopped at the token limit
  read: Array  # int32, tokens of another policy that were read before it


class Second(NamedTuple):
  """What a second policy has read: of rows, or of prompts."""

  hidden: Array  # [B, N, d] or [B, d] of the last token
  cache: Any  # cache.Rows or cache.PromptCache


class Rows(NamedTuple):
  """Everything that belongs to a row: [B, N, ...] leaves and `cache.Rows`."""

  tokens: Array  # [B, N, S] int32 written so far, 0 beyond `length`
  length: Array  # [B, N] int32
  done: Array  # [B, N] bool
  stop: Array  # [B, N] int32, state of the automaton of stop strings
  step: StepRows
  score: Array  # [B, N] float32, the verifier's last word
  hidden: Array  # [B, N, d] of the last token: the next one comes from it
  policy: cache.Rows
  verifier: Any  # the scorer's own rows, a pytree of [B, N, ...] leaves
  target: Second | None = None  # of a second policy, where there is one


class Prompts(NamedTuple):
  """What has been read of the problems; leaves are [B, ...]."""

  hidden: Array  # [B, d] of the last token
  policy: cache.PromptCache
  verifier: Any
  target: Second | None = None
  is_there: Array | None = None  # [B] bool, see `root`


class DecodeState(NamedTuple):
  """The embedding that search hands around without looking inside."""

  rows: Rows
  prompts: Prompts
  iterations: Array  # [B] int32 of the token loop so far, idle ones included
  lost: Array  # [B] bool: a roll-out ran out of room
  waiting: Prompts | None = None  # all Q problems of a queue


class Kept(NamedTuple):
  """What is left of a state when its problems are over."""

  tokens: Array  # [B, N, S] int32
  length: Array  # [B, N] int32
  iterations: Array  # [B] int32
  overflow: Array  # [B] bool, see `overflow`


def keep(state: DecodeState | Kept) -> Kept:
  """The rows' texts without what was needed to write them."""
  if isinstance(state, Kept):
    return state  # by a queue
  rows = state.rows
  return Kept(rows.tokens, rows.length, state.iterations, overflow(state))


def num_problems(state: DecodeState) -> Array:
  """[] int32 problems of a queue; places without one are the last."""
  assert state.waiting is not None
  assert state.waiting.is_there is not None
  return jnp.sum(state.waiting.is_there, dtype=jnp.int32)


def refill(state: DecodeState, problems: Array, fresh: Array) -> DecodeState:
  """Opens empty rows on waiting problems [B] in the slots `fresh` [B]."""
  new = jax.tree.map(lambda leaf: leaf[problems], state.waiting)
  prompts: Prompts = buffers.where(fresh, new, state.prompts)

  def clear(node):
    if is_cache(node):
      return node.clear(fresh)
    return buffers.where(fresh, jnp.zeros_like(node), node)

  def at_end(prompt, rows):
    """Hidden states; the next token comes from the prompt's last one."""
    hidden = jnp.broadcast_to(prompt.hidden[:, None], rows.hidden.shape)
    return rows._replace(hidden=buffers.where(fresh, hidden, rows.hidden))

  rows = at_end(prompts, jax.tree.map(clear, state.rows, is_leaf=is_cache))
  if rows.target is not None:
    rows = rows._replace(target=at_end(prompts.target, rows.target))
  return state._replace(rows=rows, prompts=prompts, lost=state.lost & ~fresh)


def unroll(before: DecodeState, after: DecodeState) -> DecodeState:
  """The state before a roll-out, which has cost what it has cost."""
  return before._replace(iterations=after.iterations, lost=overflow(after))


def revert(
  before: DecodeState, after: DecodeState, rejected: Array
) -> DecodeState:
  """Takes back what the rows `rejected` [B, N] wrote in between.

  No row was forked meanwhile. Iterations stay spent.
  """

  def old(was, now):
    if is_cache(now):
      return now.rewind(jnp.where(rejected, was.length, now.length))
    there = jnp.expand_dims(rejected, range(2, now.ndim))
    return jnp.where(there, was, now)

  rows = jax.tree.map(old, before.rows, after.rows, is_leaf=is_cache)
  return after._replace(rows=rows)


def take(state: DecodeState, parents: Parents) -> DecodeState:
  """Forks rows: row j becomes a copy of row `parents[:, j]`.

  The state that is given is used no more; see `load` for one that is.
  """

  def fork(node):
    if is_cache(node):
      return node.take(parents)
    return cache.take_rows(node, parents)

  return state._replace(rows=jax.tree.map(fork, state.rows, is_leaf=is_cache))


def load(store: DecodeState, nodes: Parents) -> DecodeState:
  """Copies rows out of a store of many, into which `put` brings them back.

  A store is a state too, of more rows than are ever written to. Where caches
  share pages, rows are put back before others are loaded.
  """

  def copy(node):
    if is_cache(node):
      return node.load(nodes)
    return cache.take_rows(node, nodes)

  return store._replace(rows=jax.tree.map(copy, store.rows, is_leaf=is_cache))


def put(store: DecodeState, state: DecodeState, places: Array) -> DecodeState:
  """Enters loaded rows at `places` [B, N] of the M rows of a store.

  Those of a place M are dropped; the iterations that they took are kept.
  """

  def enter(old, new):
    if is_cache(old):
      return old.put(new, places)
    return cache.put_rows(old, new, places)

  rows = jax.tree.map(enter, store.rows, state.rows, is_leaf=is_cache)
  return store._replace(
    rows=rows, iterations=state.iterations, lost=store.lost | state.lost
  )


def same_text(state: DecodeState) -> Array:
  """[B, N, N] bool: two rows hold the same tokens."""
  length, tokens = state.rows.length, state.rows.tokens
  same = jnp.all(tokens[:, :, None] == tokens[:, None], axis=-1)
  return same & (length[:, :, None] == length[:, None])


def overflow(state: DecodeState) -> Array:
  """[B] bool: a cache ran out of room, and the rows mean nothing."""
  nodes = jax.tree.leaves(state.rows, is_leaf=is_cache)
  flags = [node.overflow for node in nodes if is_cache(node)]
  return functools.reduce(jnp.logical_or, flags, state.lost)


def map_caches(
  change: Callable[..., Any], state: DecodeState, *others: DecodeState
) -> DecodeState:
  """The last of the states with `change` of the caches of all for its own."""
  last = (state, *others)[-1]

  def visit(*nodes):
    return change(*nodes) if is_cache(nodes[-1]) else nodes[-1]

  rows = jax.tree.map(
    visit, *(each.rows for each in (state, *others)), is_leaf=is_cache
  )
  return last._replace(rows=rows)


def is_cache(node: Any) -> bool:
  """Whether it is rows of a cache, to be changed as one."""
  return isinstance(node, cache.Rows)


def root(
  policy: lm.Model,
  params: Params,
  prompts: Array,
  prompt_length: Array,
  *,
  num_rows: int,
  max_tokens: int,
  scorer: Any,
  layout: cache.Layout = cache.CONTIGUOUS,
  num_slots: int | None = None,
  target: lm.Model | None = None,
) -> DecodeState:
  """Reads each prompt once and opens `num_rows` empty rows on it.

  Args:
    policy: the model that writes.
    params: {"policy": ..., "verifier": ...}; the latter as `scorer` wants it.
    prompts: [B, P] int32, right-padded.
    prompt_length: [B] int32; that of a place without a problem, which a queue
      leaves out, is negative, and its prompt is read like others.
    num_rows: N.
    max_tokens: S, slots per row.
    scorer: see `scoring`.
    layout: of the policy's cache.
    num_slots: of a queue: the first so many problems get rows, the others
      wait for `refill`. Prompts are kept once per problem, which is little
      beside its rows, so all are read at once. None: all get rows.
    target: a second model that writes, with params["target"].
  """
  batch = prompts.shape[0]
  shape = (batch, num_rows)
  is_there, prompt_length = prompt_length > 0, jnp.abs(prompt_length)

  def reader(model: lm.Model, name: str) -> tuple[Second, Second]:
    hidden, prompt = lm.read_prompts(
      model, params[name], prompts, prompt_length
    )
    config = model.config.transformer
    own = layout.empty_rows(config, batch, num_rows, max_tokens)
    ends = jnp.broadcast_to(hidden[:, None], (*shape, hidden.shape[-1]))
    return Second(hidden, prompt), Second(ends, own)

  read, own = reader(policy, "policy")
  also = (None, None) if target is None else reader(target, "target")
  verifier_prompt, verifier_rows = scorer.start(
    params, prompts, prompt_length, num_rows, max_tokens
  )
  count, zeros = jnp.zeros(shape, jnp.int32), jnp.zeros(shape, jnp.float32)
  false = jnp.zeros(shape, bool)
  rows = Rows(
    tokens=jnp.zeros((*shape, max_tokens), jnp.int32),
    length=count,
    done=false,
    stop=count,
    step=StepRows(count, false, count, zeros, zeros, false, count),
    score=zeros,
    hidden=own.hidden,
    policy=own.cache,
    verifier=verifier_rows,
    target=also[1],
  )
  known = Prompts(read.hidden, read.cache, verifier_prompt, also[0], is_there)
  idle = jnp.zeros(batch, jnp.int32)
  lost = jnp.zeros(batch, bool)
  if num_slots is None:
    return DecodeState(rows, known, idle, lost)
  # Rows of problems that wait are cut off again: they are never made.
  first = lambda tree: jax.tree.map(lambda leaf: leaf[:num_slots], tree)
  return DecodeState(first(rows), first(known), first(idle), first(lost), known)
