"""Targets and scores by way of a finished model: distillation, calibration."""

import dataclasses
from typing import Any, Literal

import ml_collections
import numpy as np

from prm_jax import errors
from prm_jax.build import fields, models, native, predictions
from prm_jax.data import examples as examples_lib
from prm_jax.data import pipeline
from prm_jax.eval import posthoc
from prm_jax.labelling import empirical


@dataclasses.dataclass(frozen=True)
class TeacherConfig:
  """Targets from what a verifier predicts.

  Attributes:
    form: "none", the examples' own; "predictions" of the teacher
      (distillation); "bins" or "kernel", mean outcomes of examples that it
      predicts alike (CaPE).
    model: the teacher; "": the one that training begins with.
    weight: of these targets, 1 less it of the examples' own.
  """

  form: Literal["none", "predictions", "bins", "kernel"] = "none"
  model: str = ""
  weight: float = 1.0

  def __post_init__(self):
    if not 0 <= self.weight <= 1:
      raise errors.UserError(
        f"teacher.weight: must be from 0 to 1, got {self.weight}"
      )


@dataclasses.dataclass(frozen=True)
class CalibrationConfig:
  """A map that is fitted on the held-out examples after training."""

  method: Literal["none", "temperature", "isotonic"] = "none"


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
  if own.form != "predictions":
    fn = empirical.binned if own.form == "bins" else empirical.kernel
    said = fn(said, targets[read])
  soft = targets.copy()
  soft[read] = empirical.mixed(targets[read], said, own.weight)
  columns = {**fitting.columns, "targets": soft}
  return dataclasses.replace(fitting, columns=columns)


def calibrated(
  config: ml_collections.ConfigDict,
  held_out: examples_lib.Examples | None,
  data: pipeline.PipelineConfig,
  finished: models.Loaded,
) -> models.Loaded:
  """The model with the map that `config.calibration` asks for."""
  if "calibration" not in config:
    return finished
  own = fields.dataclass(
    CalibrationConfig, config.calibration.to_dict(), "calibration"
  )
  if own.method == "none":
    return finished
  if held_out is None:
    raise errors.UserError(
      "calibration.method: needs held-out examples (examples.eval_problems)"
    )
  fitting = _fitting(held_out, data)
  read = fitting.columns["weights"] > 0
  said = predictions.scores(finished.model, finished.params, fitting, data)
  targets = fitting.columns["targets"].astype(np.float32)
  fitted = posthoc.fit(own.method, said[read], targets[read])
  extra: dict[str, Any] = {**finished.extra}
  extra[native.CALIBRATION] = fitted.to_dict()
  return finished._replace(extra=extra)


def _fitting(
  examples: examples_lib.Examples, data: pipeline.PipelineConfig
) -> examples_lib.Examples:
  """Those that a row holds: the pipeline tells of, or refuses, the others."""
  if data.too_long == "error":
    return examples
  return examples.take(np.flatnonzero(examples.lengths <= data.widths[-1]))
