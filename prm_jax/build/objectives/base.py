"""What an objective is: its config, its needs and its loss."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from prm_jax import metrics
from prm_jax.models import config as config_lib
from prm_jax.objectives import survival
from prm_jax.types import Array

# What the model must have: an LM head, a value head, one with a single output
# per position, one whose outputs are an embedding, or policy and score.
Reads: TypeAlias = Literal["tokens", "values", "score", "embedding", "both"]
# Records that examples are made from.
Records: TypeAlias = Literal["solutions", "labels", "pairs"]
Batch: TypeAlias = Mapping[str, Any]
Loss: TypeAlias = tuple[metrics.Mean, metrics.Metrics]


@dataclasses.dataclass(frozen=True)
class ObjectiveConfig:
  """What is learnt.

  Attributes:
    name: of `registry.OBJECTIVES`.
    loss: of values: "cross_entropy" on logits, or "squared_error" on what the
      model's `value_link` makes of them (OVM, TVM papers: identity).
    reduction: see `data.transforms`.
    lm_coefficient: weight of next-token prediction beside a value objective.
    margin: between right and wrong steps ("pqm").
    variant: see `objectives.survival`.
    form: which of an objective's forms; "": its first.
    beta: scale of log-ratios; of "gpm", the temperature.
    alpha: of pairs: by how much of the difference of their values the better
      has to lead; of "alpha_math": weight of the values' error.
    smoothing: chance that a pair's order is wrong.
    temperature: of soft maxima.
    list_size: most solutions of a problem in one example.
    reference: folder of the model that log-ratios compare with; "": the one
      that training begins with.
  """

  name: str
  loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
  reduction: Literal["token", "sequence", "sum"] = "token"
  lm_coefficient: float = 0.0
  margin: float = 4.0
  variant: survival.Variant = "proper"
  form: str = ""
  beta: float = 0.05
  alpha: float = 0.0
  smoothing: float = 0.0
  temperature: float = 1.0
  list_size: int = 4
  reference: str = ""


class Outputs(NamedTuple):
  """What the model says at every position; None where nobody asked."""

  logits: Array | None  # [b, t, v]
  values: Array | None  # [b, t], or [b, t, classes]
  reference: Array | None = None  # [b, t, v] of the reference


LossOf: TypeAlias = Callable[
  [ObjectiveConfig, config_lib.ModelConfig, Outputs, Batch], Loss
]


@dataclasses.dataclass(frozen=True)
class Objective:
  """One objective.

  Attributes:
    loss: of a batch; its config's form is one of `forms`.
    reads: what it needs of the model.
    examples: kind of example, see `labelling.targets`.
    records: that these are made from.
    is_whole: a row of a batch is one example, and the loss a mean over them.
    has_reference: compares with the logits of another model.
    forms: that it comes in, the first by default.
    aggregate: rule of `search.aggregate` that makes a solution's score of its
      steps', where nobody names another.
  """

  loss: LossOf
  reads: Reads
  examples: str
  records: Records = "solutions"
  is_whole: bool = False
  has_reference: bool = False
  forms: tuple[str, ...] = ("",)
  aggregate: str = "last"


def of(output: Array | None) -> Array:
  """An output that the objective's `reads` promises."""
  assert output is not None  # checked when the loss was made
  return output
