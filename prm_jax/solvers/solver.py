"""Problems in, searched solutions out: policy, verifier and search bound.

One compiled program per solver: every batch has the same number of problems
and the same prompt slots, the last one filled up with repeats that are dropped
again. A problem's key comes from its id, so its result does not depend on the
batch it is in. Devices share a batch by problems and run without a word to
one another, so none waits at another's steps.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from prm_jax import errors
from prm_jax.decode import state, step
from prm_jax.models import cache as cache_lib
from prm_jax.models import lm, paged
from prm_jax.search import base
from prm_jax.solvers import prompts
from prm_jax.tasks import base as tasks
from prm_jax.text import notation
from prm_jax.types import Params

_AXIS = "problems"
_SPLIT = PartitionSpec(_AXIS)
_WHOLE = PartitionSpec()


class Solved(NamedTuple):
  """What a search returned, on the host; the first axis is the problems."""

  problems: Sequence[tasks.Problem]
  tokens: np.ndarray  # [n, N, S] int32, 0 beyond length
  length: np.ndarray  # [n, N]
  chosen: np.ndarray  # [n]
  score: np.ndarray  # [n, N]
  step_scores: np.ndarray  # [n, N, T]
  num_steps: np.ndarray  # [n, N]
  log_weight: np.ndarray  # [n, N]
  log_evidence: np.ndarray  # [n]
  done: np.ndarray  # [n, N]
  cost: base.Cost  # numpy leaves [n]
  slots: int  # rows x decode iterations of all program calls
  wall_s: float  # compilation left out
  step_format: step.StepFormat  # where the rows' steps end


def utilisation(solved: Solved) -> float:
  """Share of all decode slots that wrote a token.

  Unlike `Cost.utilisation`, rows that waited for other problems or filled up
  the last batch count as idle.
  """
  return float(np.sum(solved.cost.policy_tokens) / max(solved.slots, 1))


@dataclasses.dataclass(frozen=True)
class SolverConfig:
  """Sizes of the compiled program.

  Attributes:
    batch_size: problems per program call; as many devices share them as
      divide their number.
    prompt_tokens: slots for a prompt; longer prompts are an error.
    max_tokens: slots for a row's own tokens; a row that fills them is done.
    cache: "contiguous", rows have caches of their own; "paged", they share
      pages; "auto", the nodes of trees share pages and rows do not.
    page_tokens: of the cache "paged".
    pages: of each problem, for the cache "paged"; 0: what all rows can fill,
      or all nodes of a tree.
    slots: problems of a batch that are searched at a time: when one is over,
      the next takes its place. 0: all of them.
  """

  batch_size: int = 256
  prompt_tokens: int = 16
  max_tokens: int = 48
  cache: Literal["auto", "contiguous", "paged"] = "auto"
  page_tokens: int = 16
  pages: int = 0
  slots: int = 0

  def __post_init__(self):
    for name in ("batch_size", "prompt_tokens", "max_tokens", "page_tokens"):
      if getattr(self, name) < 1:
        raise errors.UserError(f"solver.{name}: must be at least 1")
    for name in ("pages", "slots"):
      if getattr(self, name) < 0:
        raise errors.UserError(f"solver.{name}: must be at least 0")
    if self.slots and (self.slots > self.batch_size):
      raise errors.UserError(
        f"solver.slots: {self.slots} of solver.batch_size {self.batch_size}"
      )

  @property
  def layout(self) -> cache_lib.Layout:
    """Of the caches of policy and verifier."""
    if self.cache == "paged":
      return paged.Paged(self.page_tokens, self.pages)
    return cache_lib.CONTIGUOUS


class Solver:
  """A policy, a scorer and a search method, compiled once.

  Args:
    params: {"policy": ..., "verifier": ...}, the latter as the scorer wants;
      "target" where `steps` have one.
    tokenizer: of the policy.
    steps: policy, scorer and settings the search was bound to.
    search_fn: `(params, keys [B], root) -> SearchOutput`, a method of `search`
      with its hyper-parameters and step functions bound.
    num_rows: N of the root.
    config: sizes.
    seed: of all sampling.
    devices: that share the work; default: all of this process.
  """

  def __init__(
    self,
    params: Params,
    tokenizer: notation.Notation,
    *,
    steps: step.StepFactory,
    search_fn: Callable[..., base.SearchOutput],
    num_rows: int,
    config: SolverConfig,
    seed: int = 0,
    devices: Sequence[jax.Device] | None = None,
  ):
    at_once = config.slots or config.batch_size
    mesh = _problem_mesh(at_once, devices or jax.local_devices())
    if config.batch_size % mesh.size:
      raise errors.UserError(
        f"solver.batch_size: {config.batch_size} is not a multiple of the "
        f"{mesh.size} devices"
      )
    self._mesh, self._num_slots = mesh, at_once
    self._tokenizer = tokenizer
    placed = jax.device_put(params, NamedSharding(mesh, _WHOLE))
    self._params = lm.unstack(placed)
    self._config = config
    self._step_format = steps.step_format
    self._by_problem = NamedSharding(mesh, _SPLIT)
    self._key = jax.random.key(seed)
    open_fn = functools.partial(
      state.root,
      steps.policy,
      num_rows=num_rows,
      max_tokens=config.max_tokens,
      scorer=steps.scorer,
      layout=config.layout,
      num_slots=at_once // mesh.size if config.slots else None,
      target=steps.target,
    )

    def run(params, keys, prompts, prompt_length):
      root = open_fn(params, prompts, prompt_length)
      found = search_fn(params, keys, root)
      return found._replace(embedding=None), state.keep(found.embedding)

    self._run = jax.jit(
      jax.shard_map(
        run,
        mesh=mesh,
        in_specs=(_WHOLE, _SPLIT, _SPLIT, _SPLIT),
        out_specs=_SPLIT,
        check_vma=False,  # loops begin with constants, the same everywhere
      )
    )
    self.compile_s = 0.0

  @functools.cached_property
  def program(self) -> jax.stages.Compiled:
    """The one program that all batches run; a batch of other shape fails."""
    started = time.perf_counter()
    size, slots = self._config.batch_size, self._config.prompt_tokens
    key = jax.random.key(0)
    shapes = tuple(
      jax.ShapeDtypeStruct(shape, dtype, sharding=self._by_problem)
      for shape, dtype in (
        ((size,), key.dtype),
        ((size, slots), jnp.int32),
        ((size,), jnp.int32),
      )
    )
    program = self._run.lower(self._params, *shapes).compile()
    self.compile_s = time.perf_counter() - started
    return program

  def solve(
    self,
    problems: Sequence[tasks.Problem],
    on_batch: Callable[[int], None] | None = None,
  ) -> Solved:
    """Searches all problems.

    Args:
      problems: at least one.
      on_batch: told how many problems are done.

    Raises:
      UserError: no problem, a prompt longer than `prompt_tokens`, or too few
        pages.
    """
    if not problems:
      raise errors.UserError("problems: there are none")
    program = self.program  # compiled outside of the measured time
    parts, done, slots = [], 0, 0
    started = time.perf_counter()
    for batch in self._batches(problems):
      found = jax.device_get(program(self._params, *self._inputs(batch)))
      written = found[1]
      slots += self._slots(written)
      size = len(batch)
      _check_room(batch, written.overflow[:size])
      parts.append(jax.tree.map(lambda x, size=size: x[:size], found))
      done += size
      if on_batch is not None:
        on_batch(done)
    wall_s = time.perf_counter() - started
    joined = jax.tree.map(lambda *x: np.concatenate(x), *parts)
    return _solved(problems, joined, slots, wall_s, self._step_format)

  def _slots(self, written: state.Kept) -> int:
    """Rows x iterations of one program call, idle ones included."""
    by_device = written.iterations.reshape(self._mesh.size, -1)
    rows = written.length.shape[1] * self._num_slots // self._mesh.size
    return int(np.sum(np.max(by_device, axis=1))) * rows

  def _batches(
    self, problems: Sequence[tasks.Problem]
  ) -> Iterator[Sequence[tasks.Problem]]:
    size = self._config.batch_size
    for start in range(0, len(problems), size):
      yield problems[start : start + size]

  def _inputs(self, batch: Sequence[tasks.Problem]) -> tuple[Any, ...]:
    lacking = self._config.batch_size - len(batch)
    filled = [*batch, *[batch[-1]] * lacking]
    encoded, length = prompts.encode(
      self._tokenizer, filled, self._config.prompt_tokens
    )
    length[len(batch) :] *= -1  # nobody's places, see `decode.state.root`
    ids = np.array([prompts.number(p.id) for p in filled], np.uint32)
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(self._key, ids)
    return jax.device_put((keys, encoded, length), self._by_problem)


def _problem_mesh(
  batch_size: int, devices: Sequence[jax.Device]
) -> jax.sharding.Mesh:
  """As many devices as divide both the batch and those there are."""
  num = math.gcd(batch_size, len(devices))
  return jax.make_mesh(
    (num,), (_AXIS,), axis_types=(AxisType.Auto,), devices=devices[:num]
  )


def _solved(
  problems: Sequence[tasks.Problem],
  joined: Any,
  slots: int,
  wall_s: float,
  step_format: step.StepFormat,
) -> Solved:
  found, written = joined
  own = {
    name: getattr(found, name)
    for name in Solved._fields
    if name in base.SearchOutput._fields
  }
  return Solved(
    problems=problems,
    tokens=written.tokens,
    length=written.length,
    slots=slots,
    wall_s=wall_s,
    step_format=step_format,
    **own,
  )


def _check_room(batch: Sequence[tasks.Problem], overflow: np.ndarray) -> None:
  if overflow.any():
    first = batch[int(np.argmax(overflow))]
    raise errors.UserError(
      f"solver.pages: problem {first.id} needs more pages than it has"
    )
