"""Samplers, scorers and search methods by name."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import ml_collections

from prm_jax import errors
from prm_jax.build import fields
from prm_jax.decode import sampling, state, step
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import base, best_of_n, particle, potentials, resampling
from prm_jax.search import step_beam as step_beam_lib
from prm_jax.tasks import base as tasks
from prm_jax.text import delimiters
from prm_jax.text import tokenizer as tokenizer_lib

Group: TypeAlias = ml_collections.ConfigDict


@dataclasses.dataclass(frozen=True)
class SearchConfig:
  """A search method and its hyper-parameters; others' fields are ignored.

  Attributes:
    method: "best_of_n" (with one row and temperature 0: greedy),
      "step_beam", "particle".
    num_rows: N, rows of a problem.
    width: step beam: prefixes kept; N / width continuations of each.
    potential: particle: see `search.potentials`.
    tau: particle: temperature of the potential "odds".
    beta: particle: strength of the potential "exponential".
    resample: particle: "always", "ess" or "never".
    ess_threshold: particle: share of N below which "ess" resamples.
    scheme: particle: see `search.resampling`.
    target: particle: "sampler" or "base".
    root_score: particle: r_0 of the potential "difference".
    choose: particle: "argmax" or "sample".
    aggregate: step scores to one score: see `search.aggregate`.
  """

  method: Literal["best_of_n", "step_beam", "particle"]
  num_rows: int
  width: int = 4
  potential: str = "odds"
  tau: float = 1.0
  beta: float = 1.0
  resample: Literal["always", "ess", "never"] = "ess"
  ess_threshold: float = 0.5
  scheme: str = "systematic"
  target: Literal["sampler", "base"] = "sampler"
  root_score: float = 1.0
  choose: Literal["argmax", "sample"] = "argmax"
  aggregate: str = "last"

  def __post_init__(self):
    if self.num_rows < 1:
      raise errors.UserError("search.num_rows: must be at least 1")
    beam = self.method == "step_beam"
    if beam and not 1 <= self.width <= self.num_rows:
      raise errors.UserError(
        f"search.width: {self.width} with {self.num_rows} rows"
      )
    if beam and self.num_rows % self.width:
      raise errors.UserError(
        f"search.num_rows: {self.num_rows} is not a multiple of search.width "
        f"({self.width})"
      )


class Search(NamedTuple):
  """A method with all its hyper-parameters bound.

  `run(params, keys [B], root, step_fn) -> SearchOutput`.
  """

  config: SearchConfig
  run: Callable[..., base.SearchOutput]


def search_config(config: Group, **changes: Any) -> SearchConfig:
  """The group's fields, some of them changed."""
  return fields.dataclass(
    SearchConfig, {**config.to_dict(), **changes}, "search"
  )


def search(config: SearchConfig, max_steps: int) -> Search:
  """Binds a method to `max_steps` steps of decode states."""
  common = {
    "max_steps": max_steps,
    "aggregate": aggregate_lib.by_name(config.aggregate),
  }
  return Search(config, _bind(config, common))


def _bind(config: SearchConfig, common: dict[str, Any]) -> Callable[..., Any]:
  if config.method == "best_of_n":
    return functools.partial(best_of_n.best_of_n, **common)
  if config.method == "step_beam":
    return functools.partial(
      step_beam_lib.step_beam,
      take_fn=state.take,
      width=config.width,
      branch=config.num_rows // config.width,
      **common,
    )
  return functools.partial(
    particle.particle_filter,
    take_fn=state.take,
    potential=_potential(config),
    resample=config.resample,
    ess_threshold=config.ess_threshold,
    scheme=resampling.by_name(config.scheme),
    target=config.target,
    root_score=config.root_score,
    choose=config.choose,
    **common,
  )


def _potential(config: SearchConfig) -> potentials.PotentialFn:
  if config.potential == "odds":
    return functools.partial(potentials.odds, tau=config.tau)
  if config.potential == "exponential":
    return functools.partial(potentials.exponential, beta=config.beta)
  return potentials.by_name(config.potential)


def sampler(config: Group) -> sampling.SamplerConfig:
  return fields.dataclass(sampling.SamplerConfig, config.to_dict(), "sampler")


def step_format(
  task: tasks.Task, tokenizer: tokenizer_lib.Tokenizer
) -> step.StepFormat:
  """Where the task's steps end, in the tokens of the model."""
  return step.StepFormat(
    delimiters.single_tokens([tokenizer.step_id], tokenizer.vocab_size),
    tokenizer.eos_id,
    task.max_step_tokens,
  )
