"""Samplers, step formats and search methods by name."""

from typing import Any, TypeAlias

import ml_collections

from prm_jax import errors
from prm_jax.build import fields
from prm_jax.build.methods import base, beams, particles, sampling
from prm_jax.decode import sampling as sampling_lib
from prm_jax.decode import step
from prm_jax.tasks import base as tasks
from prm_jax.text import delimiters
from prm_jax.text import tokenizer as tokenizer_lib

Group: TypeAlias = ml_collections.ConfigDict

METHODS: dict[str, type[Any]] = {
  "best_of_n": sampling.BestOfN,
  "step_beam": beams.StepBeam,
  "particle": particles.ParticleFilter,
}


def method(config: Group, **changes: Any) -> base.MethodConfig:
  """The method that the group names, with the group's other fields.

  Args:
    config: `method` and the method's own fields.
    **changes: fields given another value.

  Raises:
    UserError: no such method, or what `build.fields` finds wrong.
  """
  values = {**config.to_dict(), **changes}
  name = values.pop("method", None)
  if name not in METHODS:
    raise errors.UserError(
      f"search.method: {name!r} is not one of {', '.join(METHODS)}"
    )
  found: base.MethodConfig = fields.dataclass(METHODS[name], values, "search")
  return found


def sampler(config: Group) -> sampling_lib.SamplerConfig:
  return fields.dataclass(
    sampling_lib.SamplerConfig, config.to_dict(), "sampler"
  )


def step_format(
  task: tasks.Task, tokenizer: tokenizer_lib.Tokenizer
) -> step.StepFormat:
  """Where the task's steps end, in the tokens of the model."""
  return step.StepFormat(
    delimiters.single_tokens([tokenizer.step_id], tokenizer.vocab_size),
    tokenizer.eos_id,
    task.max_step_tokens,
  )
