"""The judge that a config asks for."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import ml_collections

from prm_jax import errors
from prm_jax.build import fields
from prm_jax.cli import report, scorers
from prm_jax.data import solution_files
from prm_jax.labelling import judges, model_judges
from prm_jax.tasks import base as tasks


@dataclasses.dataclass(frozen=True)
class JudgeGroup:
  """The config's group `judge`.

  Attributes:
    kind: the task's truth, the truth with errors, or a verifier, which scores
      or writes as `score` would have it.
    num: noisy judges that vote.
    ties: see `judges.Ensemble`.
    accuracy: see `judges.Noise`, as for the next five.
    threshold: see `model_judges.verdict`, as for the next.
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
    config: `judge`, and of a model `scorer`, the config of `score`.
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
  if not config.scorer.model:
    raise errors.UserError("judge.kind: 'model' needs --verifier")
  return _Verifier(scorers.load(config.scorer), own.threshold, own.margin)


@dataclasses.dataclass(frozen=True)
class _Verifier:
  """Scores, or votes of texts, as verdicts."""

  scorer: scorers.Scorer
  threshold: float
  margin: float

  def __call__(
    self, problems: Sequence[tasks.Problem], given: Sequence[judges.Steps]
  ) -> list[judges.Judgement]:
    encoded, names = [], []
    pairs = zip(problems, given, strict=True)
    for line, (problem, steps) in enumerate(pairs):
      names.append(f"labels[{line}]")
      try:
        item = solution_files.Item(line, problem, steps)
        encoded.append(self.scorer.encode(item))
      except errors.UserError as error:
        raise errors.UserError(f"labels[{line}]: {error}") from error
    with report.progress("judge", len(encoded)) as tell:
      found = self.scorer.score(encoded, names, tell)
    return [
      judges.Judgement(self._verdicts(one, len(steps)), one.told["num_tokens"])
      for one, steps in zip(found, given, strict=True)
    ]

  def _verdicts(self, found: scorers.Result, num: int) -> judges.Verdicts:
    if found.scores is None:  # too long to be read
      return (None,) * num
    votes = found.told.get("votes")
    return tuple(
      None
      if votes is not None and all(vote is None for vote in votes[k])
      else model_judges.verdict(score, self.threshold, self.margin)
      for k, score in enumerate(found.scores.tolist())
    )
