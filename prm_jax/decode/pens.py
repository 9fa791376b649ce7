"""What writes a token in every row: one policy, or two of them together.

A state may hold a second policy, the target. Each policy keeps a cache of its
own and reads what the other one wrote when its turn comes.
"""

import dataclasses
from typing import Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import jax
import jax.numpy as jnp

from prm_jax.decode import reading, sampling
from prm_jax.decode import state as state_lib
from prm_jax.models import lm
from prm_jax.types import Array, Params

Name: TypeAlias = Literal["policy", "target"]


class Draw(NamedTuple):
  """A token for every row; all [B, N]."""

  token: Array  # int32
  log_prob: Array  # log q of the sampler
  log_ratio: Array  # log p of the policy - log q


@runtime_checkable
class Pen(Protocol):
  """Draws tokens and enters them."""

  @property
  def is_target(self) -> bool:
    """The second policy takes part in every token."""
    ...

  def begin(
    self,
    params: Params,
    prompts: state_lib.Prompts,
    rows: state_lib.Rows,
    active: Array,
  ) -> tuple[state_lib.Rows, Array]:
    """Reads the active rows to their ends; how many tokens that took, [B, N].

    A policy that is not asked to write reads nothing.
    """
    ...

  def draw(self, params: Params, rows: state_lib.Rows, uniform: Array) -> Draw:
    """Tokens from uniforms [B, N] in [0, 1)."""
    ...

  def feed(
    self,
    params: Params,
    prompts: state_lib.Prompts,
    rows: state_lib.Rows,
    token: Array,
    active: Array,
  ) -> state_lib.Rows:
    """The policies read a token of the active rows, text and length apart."""
    ...


@dataclasses.dataclass(frozen=True, eq=False)
class OnePolicy:
  """One of the policies of a state.

  Attributes:
    model: the policy.
    sampler: how tokens are drawn.
    name: which of the two it is, in states and in parameters.
  """

  model: lm.Model
  sampler: sampling.SamplerConfig
  name: Name = "policy"

  @property
  def is_target(self) -> bool:
    return self.name == "target"

  def begin(self, params, prompts, rows, active):
    if rows.target is None:  # no one else writes
      return rows, jnp.zeros_like(rows.length)
    own = get(rows, self.name)
    start = own.cache.length
    hidden, read = reading.Reader(self.model)(
      params[self.name],
      reading.Texts(rows.tokens, start, jnp.where(active, rows.length, start)),
      get(prompts, self.name).cache,
      own.cache,
      own.hidden,
    )
    rows = put(rows, self.name, state_lib.Second(hidden, read))
    return rows, read.length - start

  def draw(self, params, rows, uniform):
    return Draw(
      *sampling.sample(self.logits(params, rows), uniform, self.sampler)
    )

  def logits(self, params: Params, rows: state_lib.Rows) -> Array:
    """[B, N, v] of the next token."""
    hidden = get(rows, self.name).hidden
    return lm.logits(self.model, params[self.name], hidden)

  def feed(self, params, prompts, rows, token, active):
    own = get(rows, self.name)
    hidden, read = lm.extend_rows(
      self.model,
      params[self.name],
      token[..., None],
      active.astype(jnp.int32),
      get(prompts, self.name).cache,
      own.cache,
    )
    hidden = jnp.where(active[..., None], hidden[:, :, 0], own.hidden)
    return put(rows, self.name, state_lib.Second(hidden, read))


@dataclasses.dataclass(frozen=True, eq=False)
class Dictated:
  """A policy that goes on from given words, with which every step begins.

  Attributes:
    pen: the policy.
    words: their tokens; they cost what tokens cost, and are certain.
  """

  pen: OnePolicy
  words: tuple[int, ...]

  @property
  def is_target(self) -> bool:
    return self.pen.is_target

  def begin(self, params, prompts, rows, active):
    return self.pen.begin(params, prompts, rows, active)

  def draw(self, params, rows, uniform):
    drawn = self.pen.draw(params, rows, uniform)
    if not self.words:
      return drawn
    place = rows.length - rows.step.start
    given = place < len(self.words)
    words = jnp.asarray(self.words, drawn.token.dtype)
    return Draw(
      jnp.where(given, words[jnp.where(given, place, 0)], drawn.token),
      jnp.where(given, 0.0, drawn.log_prob),
      jnp.where(given, 0.0, drawn.log_ratio),
    )

  def feed(self, params, prompts, rows, token, active):
    return self.pen.feed(params, prompts, rows, token, active)


@dataclasses.dataclass(frozen=True, eq=False)
class Reverse:
  """The target proposes tokens that the policy must find likely enough.

  Attributes:
    student: the policy.
    teacher: the target.
    threshold: see `reverse_law`.
  """

  student: OnePolicy
  teacher: OnePolicy
  threshold: float = 0.01

  @property
  def is_target(self) -> bool:
    return True

  def begin(self, params, prompts, rows, active):
    rows, _ = self.student.begin(params, prompts, rows, active)
    return self.teacher.begin(params, prompts, rows, active)

  def draw(self, params, rows, uniform):
    logits = self.student.logits(params, rows)
    log_q = reverse_law(
      sampling.log_law(self.teacher.logits(params, rows), self.teacher.sampler),
      sampling.log_law(logits, self.student.sampler),
      self.threshold,
    )
    token = sampling.draw(log_q, uniform)
    pick = lambda law: jnp.take_along_axis(law, token[..., None], -1)[..., 0]
    log_p = jax.nn.log_softmax(logits.astype(jnp.float32), axis=-1)
    return Draw(token, pick(log_q), pick(log_p) - pick(log_q))

  def feed(self, params, prompts, rows, token, active):
    rows = self.student.feed(params, prompts, rows, token, active)
    return self.teacher.feed(params, prompts, rows, token, active)


def reverse_law(
  log_teacher: Array, log_student: Array, threshold: float
) -> Array:
  """log q of reverse speculative decoding (2509.22230), for data generation.

  The teacher proposes a token y; it stays if the student gives it at least
  `threshold`, else the student draws another:

    q(y) = P_T(y) 1[P_S(y) >= p_th] + P_T(P_S < p_th) P_S(y)

  Args:
    log_teacher: [..., v] log P_T.
    log_student: [..., v] log P_S.
    threshold: p_th; 0 is the teacher, more than 1 the student.
  """
  teacher, student = jnp.exp(log_teacher), jnp.exp(log_student)
  kept = jnp.where(student >= threshold, teacher, 0)
  # The sum of what is given up: 1 minus the rest would round to below 0.
  lost = jnp.sum(teacher - kept, axis=-1, keepdims=True)
  return jnp.log(kept + lost * student)


def get(
  tree: state_lib.Rows | state_lib.Prompts, name: Name
) -> state_lib.Second:
  """What a policy has read: of rows, or of prompts."""
  if name == "policy":
    return state_lib.Second(tree.hidden, tree.policy)
  assert tree.target is not None, "the state has no second policy"
  return tree.target


def put(
  rows: state_lib.Rows, name: Name, own: state_lib.Second
) -> state_lib.Rows:
  """Rows with what a policy has read now."""
  if name == "policy":
    return rows._replace(hidden=own.hidden, policy=own.cache)
  return rows._replace(target=own)


def append(rows: state_lib.Rows, token: Array, active: Array) -> state_lib.Rows:
  """One token at the end of the text of the active rows."""
  batch, num_rows, slots = rows.tokens.shape
  place = jnp.where(active, rows.length, slots)  # out of range: dropped
  b, n = jnp.arange(batch)[:, None], jnp.arange(num_rows)[None]
  tokens = rows.tokens.at[b, n, place].set(token, mode="drop")
  return rows._replace(tokens=tokens, length=rows.length + active)
