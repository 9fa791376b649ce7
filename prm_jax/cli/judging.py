"""The judge that a config asks for."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import ml_collections
import numpy as np

from prm_jax import errors
from prm_jax.build import fields, readers
from prm_jax.labelling import judges, model_judges
from prm_jax.solvers import step_scores
from prm_jax.tasks import base as tasks


@dataclasses.dataclass(frozen=True)
class JudgeGroup:
  """The config's group `judge`.

  Attributes:
    kind: the task's truth, the truth with errors, or a verifier's scores.
    num: noisy judges that vote.
    ties: see `judges.Ensemble`.
    accuracy: see `judges.Noise`, as for the next five.
    threshold: see `model_judges.Scores`, as for the next.
    reverse: the verifier is shown the reference answer.
  """

  kind: Literal["oracle", "noisy", "model"] = "oracle"
  num: int = 1
  ties: judges.Ties = "unknown"
  accuracy: float = 0.9
  accuracy_wrong: float = -1.0
  reverse_accuracy: float = -1.0
  correlation: float = 0.0
  unknown: float = 0.0
  seed: int = 0
  threshold: float = 0.5
  margin: float = 0.0
  reverse: bool = False

  def __post_init__(self):
    if self.num < 1:
      raise errors.UserError("judge.num: must be at least 1")

  @property
  def noise(self) -> judges.Noise:
    names = [field.name for field in dataclasses.fields(judges.Noise)]
    own: Mapping[str, Any] = {name: vars(self)[name] for name in names}
    return judges.Noise(**own)


def make(
  config: ml_collections.ConfigDict, truth: judges.Truth
) -> judges.JudgeFn:
  """The judge.

  Args:
    config: `judge`, `verifier`, `format`, `joining`.
    truth: of the problems' tasks.

  Raises:
    UserError: names the field, or what is wrong with the verifier.
  """
  own = fields.dataclass(JudgeGroup, config.judge.to_dict(), "judge")
  if own.kind == "oracle":
    return judges.Oracle(truth)
  if own.kind == "noisy":
    members = [
      judges.Noisy(truth, own.noise, str(index)) for index in range(own.num)
    ]
    return judges.Ensemble(members, own.ties)
  if not config.verifier:
    raise errors.UserError("judge.kind: 'model' needs --verifier")
  return model_judges.Scores(_scores(config, own), own.threshold, own.margin)


def _scores(
  config: ml_collections.ConfigDict, own: JudgeGroup
) -> model_judges.ScoreFn:
  """Step scores of a verifier."""
  try:
    reader = readers.load(
      config.verifier, format_name=config.format, joining=config.joining
    )
  except errors.UserError as error:
    told = str(error).removeprefix("--model: ")
    raise errors.UserError(f"--verifier: {told}") from error
  scoring = step_scores.ScoringConfig(max_tokens=reader.max_tokens)
  score = lambda encode: step_scores.StepScorer(
    reader.reading, reader.params, encode, scoring
  )
  if not own.reverse:
    return score(reader.encode)
  if reader.answered is None:
    raise errors.UserError(
      f"judge.reverse: format {reader.format_name!r} shows no answer"
    )
  return _in_reverse(reader.answered, score)


def _in_reverse(
  answered: Callable[[str], readers.EncodeFn],
  score: Callable[[readers.EncodeFn], step_scores.StepScorer],
) -> model_judges.ScoreFn:
  """Shows each problem's own answer."""

  def scores(
    problems: Sequence[tasks.Problem], given: Sequence[judges.Steps]
  ) -> list[np.ndarray]:
    answers = {problem.prompt: problem.answer for problem in problems}
    missing = [p.id for p in problems if p.answer is None]
    if missing:
      raise errors.UserError(
        f"judge.reverse: problem {missing[0]!r} has no reference answer"
      )

    def encode(question: str, steps: Sequence[str]) -> Any:
      return answered(answers[question] or "")(question, steps)

    return score(encode)(problems, given)

  return scores
