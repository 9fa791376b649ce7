"""Targets and scores by way of a finished model: distillation, calibration."""

import dataclasses
import json
import pathlib
from typing import Any, Literal

import ml_collections
import numpy as np

from prm_jax import errors
from prm_jax.build import (
  confidence,
  fields,
  models,
  native,
  predictions,
  verifier_files,
)
from prm_jax.data import examples as examples_lib
from prm_jax.data import pipeline
from prm_jax.eval import posthoc
from prm_jax.labelling import empirical

SDM = "sdm"  # folder of a verifier that knows what is near


@dataclasses.dataclass(frozen=True)
class TeacherConfig:
  """Targets from what a verifier predicts.

  Attributes:
    form: "none", the examples' own; "predictions" of the teacher
      (distillation); "bins" or "kernel", mean outcomes of examples that it
      predicts alike (CaPE).
    model: the teacher; "": the one that training begins with.
    weight: of these targets, 1 less it of the examples' own.
    num_bins: of "bins".
    width: of "kernel".
    num_neighbours: of "kernel".
  """

  form: Literal["none", "predictions", "bins", "kernel"] = "none"
  model: str = ""
  weight: float = 1.0
  num_bins: int = 10
  width: float = 0.1
  num_neighbours: int = 500

  def __post_init__(self):
    if not 0 <= self.weight <= 1:
      raise errors.UserError(
        f"teacher.weight: must be from 0 to 1, got {self.weight}"
      )
    if min(self.num_bins, self.num_neighbours) < 1 or not self.width > 0:
      raise errors.UserError(
        "teacher: num_bins, width and num_neighbours must be positive"
      )

  def targets(self, said: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Of examples with targets `own` that the teacher scores `said`."""
    if self.form == "bins":
      said = empirical.binned(said, own, num_bins=self.num_bins)
    elif self.form == "kernel":
      said = empirical.kernel(
        said, own, width=self.width, num_neighbours=self.num_neighbours
      )
    return empirical.mixed(own, said, self.weight)


@dataclasses.dataclass(frozen=True)
class CalibrationConfig:
  """What is fitted on the held-out examples after training.

  Attributes:
    method: "temperature" or "isotonic", a map of the model's scores; "sdm",
      `sdm/` in the work directory, a verifier whose confidence is that of what
      it knows to be near (arXiv:2502.20167); "none".
    size: training places that "sdm" knows.
  """

  method: Literal["none", "temperature", "isotonic", "sdm"] = "none"
  size: int = 2000

  def __post_init__(self):
    if self.size < 1:
      raise errors.UserError("calibration.size: must be at least 1")


def teach(
  config: ml_collections.ConfigDict,
  examples: examples_lib.Examples,
  data: pipeline.PipelineConfig,
  warm: models.Loaded | None,
) -> examples_lib.Examples:
  """The examples with the targets that `config.teacher` asks for."""
  if "teacher" not in config:
    return examples
  own = fields.dataclass(TeacherConfig, config.teacher.to_dict(), "teacher")
  if own.form == "none":
    return examples
  teacher = models.load(own.model, "teacher.model") if own.model else warm
  if teacher is None or teacher.model.config.value_head == "none":
    raise errors.UserError(
      "teacher.model: is no verifier; name one, or begin with one"
    )
  fitting = _fitting(examples, data)
  targets = fitting.columns["targets"].astype(np.float32)
  read = fitting.columns["weights"] > 0
  said = predictions.scores(teacher.model, teacher.params, fitting, data)[read]
  soft = targets.copy()
  soft[read] = own.targets(said, targets[read])
  columns = {**fitting.columns, "targets": soft}
  return dataclasses.replace(fitting, columns=columns)


def calibrated(
  config: ml_collections.ConfigDict,
  held_out: examples_lib.Examples | None,
  data: pipeline.PipelineConfig,
  finished: models.Loaded,
) -> models.Loaded:
  """The model with the map that `config.calibration` asks for."""
  own = _calibration(config, held_out)
  if own.method in ("none", "sdm"):
    return finished
  assert held_out is not None  # checked
  fitting = _fitting(held_out, data)
  read = fitting.columns["weights"] > 0
  said = predictions.scores(finished.model, finished.params, fitting, data)
  targets = fitting.columns["targets"].astype(np.float32)
  method: posthoc.Method = (
    "isotonic" if own.method == "isotonic" else "temperature"
  )
  fitted = posthoc.fit(method, said[read], targets[read])
  extra: dict[str, Any] = {**finished.extra}
  extra[native.CALIBRATION] = fitted.to_dict()
  return finished._replace(extra=extra)


def write_confidence(
  config: ml_collections.ConfigDict,
  train: examples_lib.Examples,
  held_out: examples_lib.Examples | None,
  data: pipeline.PipelineConfig,
  finished: models.Loaded,
  workdir: pathlib.Path,
) -> None:
  """Writes `sdm/` beside the model where `config.calibration` asks for it."""
  own = _calibration(config, held_out)
  if own.method != "sdm":
    return
  assert held_out is not None  # checked
  bank = confidence.fit(
    finished.model,
    finished.params,
    _fitting(train, data),
    _fitting(held_out, data),
    data,
    size=own.size,
    seed=config.seed,
  )
  folder = workdir / SDM
  folder.mkdir(exist_ok=True)
  confidence.write(folder / confidence.FILE, bank)
  told = {"kind": "sdm", "model": "../model", "bank": confidence.FILE}
  (folder / verifier_files.FILE).write_text(json.dumps(told) + "\n")
  print(f"confidence: {folder}")


def _calibration(
  config: ml_collections.ConfigDict, held_out: examples_lib.Examples | None
) -> CalibrationConfig:
  """UserError where there is nothing to fit it on."""
  if "calibration" not in config:
    return CalibrationConfig()
  own = fields.dataclass(
    CalibrationConfig, config.calibration.to_dict(), "calibration"
  )
  if own.method != "none" and held_out is None:
    raise errors.UserError(
      "calibration.method: needs held-out examples (examples.eval_problems)"
    )
  return own


def _fitting(
  examples: examples_lib.Examples, data: pipeline.PipelineConfig
) -> examples_lib.Examples:
  """Those that a row holds: the pipeline tells of, or refuses, the others."""
  if data.too_long == "error":
    return examples
  return examples.take(np.flatnonzero(examples.lengths <= data.widths[-1]))
