"""What `score` scores with: value heads that read, or a model that writes."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import ml_collections
import numpy as np

from prm_jax import errors
from prm_jax.build import fields, models, native, public, readers
from prm_jax.checkpoint import hub
from prm_jax.data import solution_files
from prm_jax.models import lm
from prm_jax.solvers import generative, judgements, rationales, step_scores
from prm_jax.text import critiques, hf_tokenizer
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib

JUDGEMENT = "judgement"  # format of verifiers trained here that write


class Result(NamedTuple):
  """Of one solution: its steps' scores, None where it was skipped."""

  scores: np.ndarray | None
  told: Mapping[str, Any]  # further fields of its line


@runtime_checkable
class Scorer(Protocol):
  """Scores solutions of a file."""

  @property
  def format_name(self) -> str: ...

  @property
  def split(self) -> str:
    """Text between the steps of a whole solution."""
    ...

  @property
  def aggregate(self) -> str:
    """Solution score of the format's authors."""
    ...

  def encode(self, item: solution_files.Item) -> Any:
    """What `score` takes; UserError where the item cannot be read."""
    ...

  def score(
    self,
    encoded: Sequence[Any],
    names: Sequence[str],
    on_done: Callable[[int], None],
  ) -> list[Result]:
    """In their order; told how many are done. Names are for messages."""
    ...

  def note(self, lines: Sequence[Mapping[str, Any]]) -> str:
    """What the user should know of all lines, or ""."""
    ...


def load(config: ml_collections.ConfigDict) -> Scorer:
  """The scorer that the config of `score` asks for."""
  if config.format == JUDGEMENT:
    return _Judges(config)
  if config.format in critiques.STYLES:
    return _Writes(config)
  return _Reads(config)


class _Reads:
  """A value head, or two models."""

  def __init__(self, config: ml_collections.ConfigDict):
    self._reader = reader = readers.load(
      config.model,
      format_name=config.format,
      joining=config.joining,
      base=config.base,
      dtype=config.dtype,
      reference=config.reference,
      beta=config.beta,
    )
    if config.answers and reader.answered is None:
      raise errors.UserError(
        f"answers: format {reader.format_name} has no place for a reference"
      )
    self._answers = config.answers
    self.format_name, self.split = reader.format_name, reader.split
    self.aggregate = reader.aggregate
    limits = [n for n in (config.max_tokens, reader.max_tokens) if n]
    self._scorer = step_scores.StepScorer(
      reader.reading,
      reader.params,
      reader.encode,
      step_scores.ScoringConfig(
        batch_tokens=config.batch_tokens,
        max_tokens=min(limits, default=0),
        overlong=config.overlong,
      ),
    )

  def encode(self, item: solution_files.Item) -> Any:
    encode, answer = self._reader.encode, item.problem.answer
    if self._answers and answer and self._reader.answered is not None:
      encode = self._reader.answered(str(answer))
    return encode(item.problem.prompt, item.steps)

  def score(
    self,
    encoded: Sequence[Any],
    names: Sequence[str],
    on_done: Callable[[int], None],
  ) -> list[Result]:
    return [
      Result(one.scores, _told(one))
      for one in self._scorer.score(encoded, names, on_done)
    ]

  def note(self, lines: Sequence[Mapping[str, Any]]) -> str:
    is_partial = any(len(line["scores"] or ()) > 1 for line in lines)
    return self._reader.note if is_partial else ""


def _told(scored: step_scores.Scored) -> dict[str, Any]:
  found: dict[str, Any] = {"num_tokens": scored.num_tokens}
  if scored.num_dropped:
    found["num_dropped"] = scored.num_dropped
  if scored.scores is None:
    found["reason"] = "longer than the context"
  return found


class _Votes:
  """Steps that are scored by votes."""

  def note(self, lines: Sequence[Mapping[str, Any]]) -> str:
    """Votes without a verdict, and steps that have no other."""
    votes = [votes for line in lines for votes in line["votes"]]
    unknown = sum(vote is None for own in votes for vote in own)
    if not unknown:
      return ""
    blank = sum(all(vote is None for vote in own) for own in votes)
    count = sum(map(len, votes))
    return (
      f"unknown: {unknown:,} of {count:,} votes came to no verdict and do not "
      f"count; {blank:,} steps have no other and score "
      f"{generative.UNJUDGED}"
    )


class _Judges(_Votes):
  """A verifier trained here that writes before its verdicts."""

  def __init__(self, config: ml_collections.ConfigDict):
    path = pathlib.Path(config.model)
    loaded = models.load(path, "--model")
    tokenizer = loaded.tokenizer
    if native.JUDGEMENT not in loaded.extra or not isinstance(
      tokenizer, tokenizer_lib.Tokenizer
    ):
      raise errors.UserError(
        f"--model: {path}: format {JUDGEMENT} is of models of generated tasks "
        "that objective 'judgement' has trained"
      )
    self.format_name, self.split = JUDGEMENT, tokenizer_lib.STEP
    self.aggregate = native.aggregate(loaded)
    self._tokenizer = tokenizer
    self._task = loaded.extra[native.JUDGEMENT]["task"]
    words = judgements.Words(
      native.verdict_head(path, loaded),
      tokenizer.encode(judgements.ASKS)[0],
      tokenizer.eos_id,
    )
    self._scorer = judgements.JudgementScorer(
      loaded.model,
      loaded.params,
      tokenizer,
      words,
      fields.dataclass(
        rationales.Config, config.generative.to_dict(), "generative"
      ),
    )

  def encode(self, item: solution_files.Item) -> Any:
    if not item.steps:
      raise errors.UserError("steps: there are none")
    text = steps_lib.encode_solution(
      self._tokenizer, item.problem.prompt, item.steps
    )
    name = item.problem.task or self._task  # whose arithmetic it is
    return dataclasses.replace(item.problem, task=name), text

  def score(
    self,
    encoded: Sequence[Any],
    names: Sequence[str],
    on_done: Callable[[int], None],
  ) -> list[Result]:
    del names
    judged = self._scorer.judge(*zip(*encoded, strict=True))
    on_done(len(judged))
    return [Result(one.scores, _written(one)) for one in judged]


class _Writes(_Votes):
  """A generative verifier; nothing that it writes is run."""

  def __init__(self, config: ml_collections.ConfigDict):
    own = fields.dataclass(
      rationales.Config, config.generative.to_dict(), "generative"
    )
    style = critiques.STYLES[config.format]
    self.format_name, self.split = style.name, style.split
    self.aggregate = style.aggregate
    loaded = _language_model(config)
    tokenizer = loaded.tokenizer
    if not isinstance(tokenizer, hf_tokenizer.HfTokenizer):
      raise errors.UserError(
        f"--model: {config.model}: format {style.name} is of public language "
        "models, which have a chat template"
      )
    limits = [n for n in (config.max_tokens, loaded.context) if n]
    self._scorer = generative.GenerativeScorer(
      loaded.model,
      loaded.params,
      style,
      tokenizer,
      loaded.extra["eos_ids"],
      own,
      context=min(limits, default=0),
    )

  def encode(self, item: solution_files.Item) -> Any:
    critiques.kept(item.steps)
    return item

  def score(
    self,
    encoded: Sequence[Any],
    names: Sequence[str],
    on_done: Callable[[int], None],
  ) -> list[Result]:
    del names
    judged = self._scorer.judge(
      [item.problem for item in encoded],
      [item.steps for item in encoded],
      on_done,
    )
    return [Result(one.scores, _written(one)) for one in judged]


def _language_model(config: ml_collections.ConfigDict) -> models.Loaded:
  try:
    path = hub.resolve(config.model)
  except errors.UserError as error:
    raise errors.UserError(f"--model: {error}") from error
  if not public.is_public(path):
    return models.load(path, "--model")
  found = public.load(path, dtype=config.dtype or None)
  return models.Loaded(
    lm.Model(found.config), found.params, found.tokenizer, found.extra
  )


def _written(judged: generative.Judged) -> dict[str, Any]:
  votes = [
    [None if np.isnan(vote) else float(vote) for vote in own]
    for own in judged.votes
  ]
  return {"num_tokens": judged.num_tokens, "votes": votes}
