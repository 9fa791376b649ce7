"""The step function: rows write a reasoning step, then it is scored."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from prm_jax import errors
from prm_jax.decode import narrow, pens, sampling, scoring
from prm_jax.decode import state as state_lib
from prm_jax.models import lm
from prm_jax.search import base, buffers, loop
from prm_jax.text import delimiters, token_bytes
from prm_jax.types import Array, Params, PRNGKeys


@dataclasses.dataclass(frozen=True, eq=False)
class StepFormat:
  """Where a step and a solution end, and when problems wait for each other.

  Attributes:
    automaton: finds the delimiters of steps.
    eos_id: ends a solution.
    max_step_tokens: a step of so many tokens ends there.
    barrier: share of the unfinished problems that must have ended their step
      before any goes on: 1 lets all wait for the slowest, 0 none.
    stop: strings that end a solution; may begin in one step, end in the next.
    resumes: a step that was cut goes on, so that its delimiter may have begun
      before the cut; else the next step begins anew there.
  """

  automaton: delimiters.Automaton
  eos_id: int
  max_step_tokens: int
  barrier: float = 1.0
  stop: delimiters.Automaton | None = None
  resumes: bool = False

  def __post_init__(self):
    if self.max_step_tokens < 1:
      raise errors.UserError(
        f"max_step_tokens: must be at least 1, got {self.max_step_tokens}"
      )
    if not 0 <= self.barrier <= 1:
      raise errors.UserError(f"barrier: must be in [0, 1], got {self.barrier}")


@dataclasses.dataclass(frozen=True, eq=False)
class StepFactory:
  """Models and settings from which step functions are made.

  Attributes:
    policy: the model that writes.
    scorer: judges, see `scoring`.
    sampler: how tokens are drawn.
    step_format: where steps end.
    run: takes all problems to their end, at once or from a queue.
    target: a second model that writes, for methods that have use for it.
    vocabulary: what tokens write, for methods that look for words.
  """

  policy: lm.Model
  scorer: scoring.Scorer
  sampler: sampling.SamplerConfig
  step_format: StepFormat
  run: loop.RunFn = loop.run
  target: lm.Model | None = None
  vocabulary: token_bytes.Vocabulary | None = None

  def __post_init__(self):
    trunk = isinstance(self.scorer, scoring.TrunkScorer)
    if self.target is not None and trunk:
      raise errors.UserError(
        "target: a value head on the policy's trunk cannot judge what another "
        "model writes"
      )

  def __call__(
    self, policy: pens.Name = "policy", **changes: Any
  ) -> base.StepFn:
    """A step function; `changes` are fields of sampler and step format."""
    own = {field.name for field in dataclasses.fields(self.sampler)}
    bent = {name: changes.pop(name) for name in own & changes.keys()}
    return self.written_by(self.pen(policy, **bent), **changes)

  def pen(self, name: pens.Name = "policy", **changes: Any) -> pens.OnePolicy:
    """One of the models; `changes` are fields of the sampler.

    Raises:
      UserError: there is no second model.
    """
    model = self.policy if name == "policy" else self.target
    if model is None:
      raise errors.UserError("target: this method needs a second policy")
    sampler = dataclasses.replace(self.sampler, **changes)
    return pens.OnePolicy(model, sampler, name)

  def written_by(self, pen: pens.Pen, **changes: Any) -> base.StepFn:
    """A step function; `changes` are fields of the step format."""
    step_format = dataclasses.replace(self.step_format, **changes)
    return make_pen_step_fn(pen, self.scorer, step_format)


class _Writing(NamedTuple):
  """Loop carry while tokens are written."""

  rows: state_lib.Rows
  depth: Array  # [B] int32 iterations in which the problem had active rows
  iterations: Array  # [B] int32 iterations of the loop, of all calls


def token_uniforms(row_keys: Array, position: Array) -> Array:
  """One uniform per row from its step key and its position, both [B, N]."""
  draw = lambda key, place: jax.random.uniform(jax.random.fold_in(key, place))
  return jax.vmap(jax.vmap(draw))(row_keys, position)


def row_keys(keys: PRNGKeys, num_rows: int) -> Array:
  """[B] step keys -> [B, N] keys, row index folded in."""
  fold = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
  return jax.vmap(fold, in_axes=(0, None))(keys, jnp.arange(num_rows))


def make_step_fn(
  policy: lm.Model,
  scorer: scoring.Scorer,
  sampler: sampling.SamplerConfig,
  step_format: StepFormat,
) -> base.StepFn:
  """Steps of one policy, see `make_pen_step_fn`."""
  pen = pens.OnePolicy(policy, sampler)
  return make_pen_step_fn(pen, scorer, step_format)


def make_pen_step_fn(
  pen: pens.Pen, scorer: scoring.Scorer, step_format: StepFormat
) -> base.StepFn:
  """Binds models to the one signature that search knows.

  `params` of the result is {"policy": ..., "verifier": ...}, with "target"
  where there is one, the embedding a `DecodeState`. The rows of all problems
  write in one loop, until `step_format.barrier` of the problems have ended
  their step; `iterations` counts those in which a problem had a row writing.
  """
  write = _Writer(pen, step_format)

  def step_fn(
    params: Params,
    keys: PRNGKeys,
    state: state_lib.DecodeState,
    active: Array | None = None,
    /,
  ):
    on = ~state.rows.done if active is None else ~state.rows.done & active
    before, read = pen.begin(params, state.prompts, state.rows, on)
    rows = _begin(before, on, read, step_format.resumes)
    going = jnp.any(rows.step.writing, axis=1)
    wanted = jnp.ceil(step_format.barrier * jnp.sum(going))
    wanted = jnp.maximum(wanted, jnp.any(going))

    def wait(carry: _Writing):
      writing = jnp.any(carry.rows.step.writing, axis=1)
      return jnp.sum(going & ~writing) < wanted

    own_keys = row_keys(keys, before.length.shape[1])
    depth = jnp.zeros_like(state.iterations)
    rows, depth, iterations = jax.lax.while_loop(
      wait,
      lambda carry: write(params, own_keys, state.prompts, carry),
      _Writing(rows, depth, state.iterations),
    )
    ready = ~jnp.any(rows.step.writing, axis=1)
    output, state = _judge(
      scorer,
      params,
      state._replace(rows=rows, iterations=iterations),
      ready,
      depth,
    )
    if pen.is_target:
      went = rows.step.read + output.num_tokens
      output = output._replace(target_tokens=went)
    return output, state

  if step_format.barrier < 1:  # calls end after a few tokens
    return step_fn
  return narrow.narrowed(step_fn, step_format.max_step_tokens)


def _begin(
  rows: state_lib.Rows, active: Array, read: Array, resumes: bool
) -> state_lib.Rows:
  """Starts a step where none is under way."""
  starts = ~jnp.any(rows.step.writing, axis=1)
  fresh = state_lib.StepRows(
    start=rows.length,
    writing=active,
    delimiter=jnp.where(active & (not resumes), 0, rows.step.delimiter),
    log_prob=jnp.zeros_like(rows.step.log_prob),
    log_ratio=jnp.zeros_like(rows.step.log_ratio),
    cut=jnp.zeros_like(rows.step.cut),
    read=read,
  )
  return rows._replace(step=buffers.where(starts, fresh, rows.step))


def _judge(
  scorer: scoring.Scorer,
  params: Params,
  state: state_lib.DecodeState,
  ready: Array,
  depth: Array,
) -> tuple[base.StepOutput, state_lib.DecodeState]:
  """Scores the steps of the ready problems."""
  rows = state.rows
  start, length = rows.step.start, rows.length
  new = ready[:, None] & (length > start)
  step = scoring.NewStep(
    rows.tokens, jnp.where(new, start, length), length, rows.hidden
  )
  score, num_read, verifier_rows = scorer.score(
    params, step, state.prompts.verifier, rows.verifier
  )
  rows = rows._replace(
    score=jnp.where(new, score, rows.score), verifier=verifier_rows
  )
  output = base.StepOutput(
    score=rows.score,
    log_prob=rows.step.log_prob,
    log_ratio=rows.step.log_ratio,
    num_tokens=length - start,
    verifier_tokens=num_read,
    done=rows.done,
    iterations=depth,
    ready=ready,
    cut=rows.step.cut,
  )
  return output, state._replace(rows=rows)


@dataclasses.dataclass(frozen=True)
class _Writer:
  """One token for every row that is still inside its step."""

  pen: pens.Pen
  step_format: StepFormat

  def __call__(
    self,
    params: Params,
    keys: Array,
    prompts: state_lib.Prompts,
    carry: _Writing,
  ) -> _Writing:
    rows, active = carry.rows, carry.rows.step.writing
    uniform = token_uniforms(keys, rows.length)
    token, log_prob, log_ratio = self.pen.draw(params, rows, uniform)
    rows = pens.append(rows, token, active)
    rows = self.pen.feed(params, prompts, rows, token, active)
    stopped, stop = self._stop(rows.stop, token)
    ended = active & ((token == self.step_format.eos_id) | stopped)
    full = active & (rows.length >= rows.tokens.shape[-1])
    step = self._advance(rows, token, active & ~ended & ~full)
    step = step._replace(
      log_prob=step.log_prob + jnp.where(active, log_prob, 0),
      log_ratio=step.log_ratio + jnp.where(active, log_ratio, 0),
    )
    return _Writing(
      rows=rows._replace(
        done=rows.done | ended | full,
        stop=jnp.where(active, stop, rows.stop),
        step=step,
      ),
      depth=carry.depth + jnp.any(active, axis=1),
      iterations=carry.iterations + 1,
    )

  def _stop(self, state: Array, token: Array) -> tuple[Array, Array]:
    """Whether a stop string ends in this token, and the state behind it."""
    tables = self.step_format.stop
    if tables is None:
      return jnp.zeros(token.shape, bool), state
    look_up = lambda table: jnp.asarray(table)[state, token]
    return look_up(tables.hit), look_up(tables.next_state).astype(state.dtype)

  def _advance(
    self, rows: state_lib.Rows, token: Array, active: Array
  ) -> state_lib.StepRows:
    """Ends the steps that have met a delimiter or their limit."""
    step, tables = rows.step, self.step_format.automaton
    look_up = lambda table: jnp.asarray(table)[step.delimiter, token]
    going = active & ~look_up(tables.hit)
    long = rows.length - step.start >= self.step_format.max_step_tokens
    state = going * look_up(tables.next_state)  # anew where a step has ended
    return step._replace(
      writing=going & ~long,
      cut=step.cut | (going & long),
      delimiter=jnp.where(step.writing, state, step.delimiter),
    )
