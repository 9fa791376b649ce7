"""Samplers, step formats and search methods by name."""

import dataclasses
from typing import Any, TypeAlias

import ml_collections

from prm_jax import errors
from prm_jax.build import fields, models
from prm_jax.build.methods import (
  base,
  beams,
  chains,
  groups,
  particles,
  sampling,
  speculative,
  tree_papers,
  trees,
)
from prm_jax.decode import sampling as sampling_lib
from prm_jax.decode import state, step
from prm_jax.search import loop, queue
from prm_jax.tasks import base as tasks
from prm_jax.text import (
  delimiters,
  hf_tokenizer,
  public_notation,
  token_bytes,
)
from prm_jax.text import tokenizer as tokenizer_lib

Group: TypeAlias = ml_collections.ConfigDict

METHODS: dict[str, type[Any]] = {
  "best_of_n": sampling.BestOfN,
  "step_beam": beams.StepBeam,
  "token_beam": beams.TokenBeam,
  "sbs": beams.SBS,
  "early_rejection": beams.EarlyRejection,
  "dvts": groups.DVTS,
  "rebase": groups.Rebase,
  "svdd": groups.SVDD,
  "particle": particles.ParticleFilter,
  "entropic": particles.EntropicParticleFilter,
  "fk_steering": particles.FKSteering,
  "twisted_smc": particles.TwistedSMC,
  "power_smc": particles.PowerSMC,
  "particle_gibbs": chains.ParticleGibbs,
  "parallel_tempering": chains.ParallelTempering,
  "mcts": trees.MCTS,
  "gumbel_mcts": trees.GumbelMCTS,
  "best_first": trees.BestFirst,
  "alpha_math": tree_papers.AlphaMath,
  "rest_mcts": tree_papers.RestMCTS,
  "rap": tree_papers.RAP,
  "mcts_dpo": tree_papers.MCTSDPO,
  "i_mcts": tree_papers.IMCTS,
  "reward_guided": speculative.RewardGuided,
  "reverse": speculative.Reverse,
  "speculative_thinking": speculative.SpeculativeThinking,
}

# Those whose problems go through `loop.run` or a queue, as they are told.
QUEUEING = (
  sampling.BestOfN,
  beams.StepBeam,
  beams.TokenBeam,
  groups.DVTS,
  groups.Rebase,
  groups.SVDD,
  particles.ParticleFilter,
  particles.EntropicParticleFilter,
  particles.FKSteering,
  particles.TwistedSMC,
  particles.PowerSMC,
  speculative.RewardGuided,
  speculative.Reverse,
)


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


def run_fn(config: base.MethodConfig, slots: int) -> loop.RunFn:
  """How the method goes through a program's problems.

  Args:
    config: the method.
    slots: problems searched at a time, the others wait; 0: all at once.

  Raises:
    UserError: the method takes all problems at once.
  """
  if not slots:
    return loop.run
  if not isinstance(config, QUEUEING):
    able = [name for name, cls in METHODS.items() if cls in QUEUEING]
    raise errors.UserError(
      f"solver.slots: must be 0 for this method, only {', '.join(able)} can "
      "take problems from a queue"
    )
  return queue.make_run(state.refill, state.keep, state.num_problems)


def sampler(config: Group) -> sampling_lib.SamplerConfig:
  return fields.dataclass(
    sampling_lib.SamplerConfig, config.to_dict(), "sampler"
  )


@dataclasses.dataclass(frozen=True)
class StepConfig:
  """Where steps and solutions end.

  Attributes:
    delimiters: strings that close a step, wherever they stand in the tokens;
      none: the tokenizer's own token for it, or a blank line.
    stop: strings that end a solution.
    max_step_tokens: a step of so many tokens ends there; 0: as the task says.
    barrier: see `decode.step.StepFormat`.
  """

  delimiters: tuple[str, ...] = ()
  stop: tuple[str, ...] = ()
  max_step_tokens: int = 0
  barrier: float = 1.0

  def __post_init__(self):
    if self.max_step_tokens < 0:
      raise errors.UserError("steps.max_step_tokens: must be at least 0")


def step_config(config: Group) -> StepConfig:
  for name in ("delimiters", "stop"):
    if isinstance(config.get(name), str):
      raise errors.UserError(f"steps.{name}: must be a list of strings")
  return fields.dataclass(StepConfig, config.to_dict(), "steps")


def notation(
  loaded: models.Loaded,
  prompt: Group,
  ends: Group,
  max_step_tokens: int,
) -> tokenizer_lib.Tokenizer | public_notation.PublicNotation:
  """How the model's problems and solutions stand in its tokens.

  Args:
    loaded: the model.
    prompt: how problems are put, where it is a public checkpoint.
    ends: the config's `steps`.
    max_step_tokens: of the task, where `ends` does not say.
  """
  style = fields.dataclass(
    public_notation.PromptFormat, prompt.to_dict(), "prompt"
  )
  own = step_config(ends)
  if not isinstance(loaded.tokenizer, hf_tokenizer.HfTokenizer):
    return loaded.tokenizer  # it knows
  return public_notation.PublicNotation(
    loaded.tokenizer,
    tuple(loaded.extra["eos_ids"]),
    style,
    own.delimiters or (public_notation.BLANK_LINE,),
    own.stop,
    own.max_step_tokens or max_step_tokens,
    loaded.model.config.transformer.vocab_size,
  )


def step_format(
  task: tasks.Task,
  tokenizer: models.Tokenizer,
  config: StepConfig | None = None,
  vocab_size: int = 0,
) -> step.StepFormat:
  """Where the task's steps end, in the tokens of the model.

  Args:
    task: bounds the tokens of a step.
    tokenizer: of the model.
    config: see there.
    vocab_size: of the model, where it is larger than the tokenizer's.
  """
  config = config or StepConfig()
  if isinstance(tokenizer, public_notation.PublicNotation):
    return step.StepFormat(
      tokenizer.step_ends,
      tokenizer.eos_ids[0],
      config.max_step_tokens or task.max_step_tokens,
      config.barrier,
      tokenizer.solution_ends,
    )
  assert isinstance(tokenizer, tokenizer_lib.Tokenizer)

  find = token_bytes.Vocabulary(tokenizer.backend, vocab_size).find
  size = max(vocab_size, tokenizer.vocab_size)
  own = lambda: delimiters.single_tokens([tokenizer.step_id], size)
  return step.StepFormat(
    find(config.delimiters) if config.delimiters else own(),
    tokenizer.eos_id,
    config.max_step_tokens or task.max_step_tokens,
    config.barrier,
    find(config.stop) if config.stop else None,
  )
