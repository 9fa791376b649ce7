"""The policy that completes prefixes for `label`, and its share of the work."""

import pathlib
from typing import NamedTuple

import ml_collections

from prm_jax import errors
from prm_jax.build import models, searches
from prm_jax.build.methods import sampling
from prm_jax.cli import policies, solving, verifying
from prm_jax.solvers import solver
from prm_jax.tasks import base as tasks


class Completer(NamedTuple):
  """A policy with a task, and its name in the records."""

  task: tasks.Task
  policy: models.Loaded
  name: str


def load(config: ml_collections.ConfigDict) -> Completer:
  """The policy, with the notation that the config asks for.

  Raises:
    UserError: a field of the command that cannot be.
  """
  check_shares(config)
  task = models.task(config.task)
  policy = policies.load(config.policy)
  written = searches.notation(
    policy, config.prompt, config.steps, task.max_step_tokens
  )
  policy = policy._replace(tokenizer=written)
  return Completer(task, policy, config.completer or model_name(config.policy))


def check_shares(config: ml_collections.ConfigDict) -> None:
  """UserError unless `chunk`, `shard` and `num_shards` can be."""
  if config.chunk < 1:
    raise errors.UserError("chunk: must be at least 1")
  if config.num_shards < 1:
    raise errors.UserError("num_shards: must be at least 1")
  if not 0 <= config.shard < config.num_shards:
    raise errors.UserError(
      f"shard: {config.shard} is not one of 0 to {config.num_shards - 1}"
    )


def model_name(directory: str) -> str:
  """Of RUN/policy/model it is `policy`."""
  path = pathlib.Path(directory).resolve()
  return path.parent.name if path.name == "model" else path.name


def prompt_tokens(config: ml_collections.ConfigDict, longest: int) -> int:
  """Slots for prompt and prefix, of which the longest of any shard has so many.

  All shards then have the same program.
  """
  multiple = policies.PROMPT_MULTIPLE
  return config.solver.prompt_tokens or -(-longest // multiple) * multiple


def sampler(
  config: ml_collections.ConfigDict,
  completer: Completer,
  num: int,
  longest: int,
) -> solver.Solver:
  """Plain sampling of `num` completions; `longest` as of `prompt_tokens`."""
  room = config.solver.copy_and_resolve_references()
  room.prompt_tokens = prompt_tokens(config, longest)
  return solving.make_solver(
    completer.task,
    completer.policy,
    verifying.none(),
    search=sampling.BestOfN(num),
    sampler=config.sampler,
    sizes=policies.sizes(room, completer.policy, []),
    ends=searches.step_config(config.steps),
    seed=config.seed,
  )
