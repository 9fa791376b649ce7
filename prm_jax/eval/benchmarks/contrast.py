"""Reward consistency on pairs of instructions (arXiv 2309.16155)."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from prm_jax.data import fields
from prm_jax.data.formats import base as formats
from prm_jax.data.formats import rows
from prm_jax.eval import bootstrap, consistency, lessons
from prm_jax.eval.benchmarks import base
from prm_jax.tasks import base as tasks
from prm_jax.text import segments


@dataclasses.dataclass(frozen=True)
class Contrast:
  """Two similar instructions with responses that differ."""

  instruction: str
  response: str
  other_instruction: str
  other_response: str
  id: str = ""
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


FORMAT = formats.Format(
  "contrast",
  Contrast,
  lambda row, place, told: [fields.decode_dataclass(row, Contrast)],
  formats.Note(
    repository="your own pairs",
    files="JSON lines with instruction, response and the other of both",
    licence="yours",
    citation="Shen et al. 2023, arXiv 2309.16155",
  ),
)


@dataclasses.dataclass(frozen=True)
class Consistency:
  """Four scores of each row: both responses under both instructions.

  A file of scores has them in the order (I, r), (I, r'), (I', r), (I', r').

  Attributes:
    aggregates: rules of `search.aggregate`.
    split: rule of `text.segments` that cuts responses into steps.
  """

  needs_scores: ClassVar[bool] = True
  aggregates: tuple[str, ...] = lessons.AGGREGATES
  split: str = "blank_line"

  def __post_init__(self):
    lessons.check_rules(self.aggregates)

  def measure(
    self, path: str, source: base.Source, resampling: base.Resampling
  ) -> list[base.Measure]:
    pairs = rows.read(FORMAT, path).records
    problems, steps = [], []
    for index, pair in enumerate(pairs):
      for side, instruction in enumerate(
        (pair.instruction, pair.other_instruction)
      ):
        name = f"{pair.id or index}/{side}"
        problem = tasks.Problem(name, "contrast", instruction, None)
        for response in (pair.response, pair.other_response):
          problems.append(problem)
          steps.append(segments.split(response, self.split).steps)
    scores = source(base.Texts(tuple(problems), tuple(steps)))
    found = []
    for rule in self.aggregates:
      table = lessons.aggregated(rule, scores).reshape(len(pairs), 4)
      own = consistency.Pairs(*table.T)
      for metric, function in (
        ("response_consistency", consistency.response_consistency),
        ("instruction_consistency", consistency.instruction_consistency),
      ):
        endings: dict[str, consistency.Ties] = {
          "": "lost",
          "_ties_half": "half",
        }
        for ending, ties in endings.items():
          share = bootstrap.accuracy(function(own, ties), **resampling.options)
          name = metric + ending
          found.append(base.measured(rule, name, share, len(pairs)))
    return found
