"""Rounds of training in which a verifier makes targets for itself.

CaPE (arXiv:2111.10734): a first round on the outcomes, then rounds on
empirical probabilities among examples that the model predicts alike, each
followed by `gap` rounds on the outcomes: P L L P L L ...; what is kept is the
round of the least held-out loss.

Progressive self-distillation (PS-KD, arXiv:2006.12000): in round t of T the
targets are (1 - a_t) label + a_t prediction of the round before, a_t = a (t +
1) / T; what is kept is the last.

Each round is a training run of its own in `round_0`, `round_1`, ..., which
begins with the model of the one before and with a fresh optimiser.
"""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import ml_collections

from prm_jax import errors
from prm_jax.build import fields, models
from prm_jax.labelling import empirical
from prm_jax.train import writers

# (config, folder, label) -> the finished model.
StageFn: TypeAlias = Callable[
  [ml_collections.ConfigDict, pathlib.Path, str], models.Loaded
]
_LOSS = "eval/loss"


@dataclasses.dataclass(frozen=True)
class RoundsConfig:
  """The config's group `rounds`.

  Attributes:
    schedule: see the module; "none" is a single training run.
    num: of rounds, the first one included.
    num_steps: updates of each but the first, which has `fit.num_steps`.
    form: of CaPE's targets, see `soft_targets.TeacherConfig`.
    gap: rounds on labels between two of CaPE's.
    weight: a, of the last round's predictions (PS-KD).
  """

  schedule: Literal["none", "cape", "self_distillation"] = "none"
  num: int = 7
  num_steps: int = 100
  form: Literal["bins", "kernel"] = "bins"
  gap: int = 2
  weight: float = 0.8

  def __post_init__(self):
    if min(self.num, self.num_steps) < 1 or self.gap < 0:
      raise errors.UserError(
        "rounds: num and num_steps must be at least 1, gap at least 0"
      )
    if not 0 <= self.weight <= 1:
      raise errors.UserError(
        f"rounds.weight: must be from 0 to 1, got {self.weight}"
      )

  def teacher(self, number: int) -> dict[str, Any]:
    """What teaches round `number`, from 0."""
    if self.schedule == "self_distillation" and number:
      weight = empirical.progressive_weight(number, self.num, self.weight)
      return {"form": "predictions", "model": "", "weight": weight}
    is_cape = self.schedule == "cape" and number
    if is_cape and (number - 1) % (self.gap + 1) == 0:
      return {"form": self.form, "model": "", "weight": 1.0}
    return {"form": "none"}


def of(config: ml_collections.ConfigDict) -> RoundsConfig:
  """The config's rounds; none where it has no such group."""
  if "rounds" not in config:
    return RoundsConfig()
  return fields.dataclass(RoundsConfig, config.rounds.to_dict(), "rounds")


def run(
  config: ml_collections.ConfigDict,
  own: RoundsConfig,
  workdir: pathlib.Path,
  stage_fn: StageFn,
) -> models.Loaded:
  """All rounds; those that are finished are read.

  Args:
    config: of a training run.
    own: its rounds.
    workdir: gets a folder per round.
    stage_fn: a training run.

  Returns:
    The model that is to be kept.

  Raises:
    UserError: CaPE without held-out examples.
  """
  found, losses = [], []
  for number in range(own.num):
    folder = workdir / f"round_{number}"
    folder.mkdir(exist_ok=True)
    changed = _changed(config, own, workdir, number)
    found.append(stage_fn(changed, folder, f"round {number}"))
    losses.append(_held_out_loss(folder))
    if own.schedule == "cape" and losses[-1] is None:
      raise errors.UserError(
        "rounds.schedule: 'cape' keeps the round of the least held-out loss, "
        "it needs held-out examples (examples.eval_problems)"
      )
  kept = own.num - 1
  if own.schedule == "cape":
    known = [loss for loss in losses if loss is not None]
    kept = known.index(min(known))
  told = ", ".join("-" if x is None else f"{x:.4f}" for x in losses)
  print(f"held-out loss of rounds: {told}; kept: round_{kept}")
  return found[kept]


def _changed(
  config: ml_collections.ConfigDict,
  own: RoundsConfig,
  workdir: pathlib.Path,
  number: int,
) -> ml_collections.ConfigDict:
  """The config of one round."""
  changed = config.copy_and_resolve_references()
  with changed.unlocked():
    given = config.teacher.to_dict() if "teacher" in config else {}
    changed.teacher = {**given, **own.teacher(number)}
    changed.data.seed = config.seed + number  # other batches each time
  if number:
    changed.init = str(workdir / f"round_{number - 1}" / "model")
    changed.fit.num_steps = own.num_steps
  return changed


def _held_out_loss(folder: pathlib.Path) -> float | None:
  """On the labels themselves, after the round; None: nothing is held out."""
  rows = writers.read(folder / "metrics.jsonl")
  found = [row[_LOSS] for row in rows if row.get(_LOSS) is not None]
  return float(found[-1]) if found else None
