"""ProcessBench by what a language model says, the critics of the paper."""

import collections
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from prm_jax import errors
from prm_jax.data import fields
from prm_jax.data.formats import base as formats
from prm_jax.data.formats import process_bench, rows
from prm_jax.eval import judge_text
from prm_jax.eval.benchmarks import base, first_errors


@dataclasses.dataclass(frozen=True)
class Critiques:
  """Texts of a critic about one row.

  Attributes:
    id: of the row.
    texts: answers of the critic, several for a vote.
  """

  id: str
  texts: tuple[str, ...]
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


CRITIQUES = formats.Format(
  "critiques",
  Critiques,
  lambda row, place, told: [fields.decode_dataclass(row, Critiques)],
  formats.Note("a critic of your own", "a file of critiques", "yours", ""),
)


@dataclasses.dataclass(frozen=True)
class Critic:
  """By what a language model says, the index in its last box.

  Attributes:
    critiques: file of lines `{"id": ..., "texts": [...]}`.
    votes: texts that vote, the first of each; 0: all.
  """

  needs_scores: ClassVar[bool] = False
  critiques: str = ""
  votes: int = 0

  def measure(
    self, path: str, source: base.Source, resampling: base.Resampling
  ) -> list[base.Measure]:
    del source
    cases = first_errors.read(path)
    if not self.critiques:
      raise errors.UserError("protocol.critiques: names no file")
    if self.votes < 0:
      raise errors.UserError("protocol.votes: must be at least 0 (0: all)")
    said = {c.id: c for c in rows.read(CRITIQUES, self.critiques).records}
    missing = [case.id for case in cases if case.id not in said]
    if missing:
      raise errors.UserError(
        f"{self.critiques}: {len(missing)} rows have no critique, the first is"
        f" {missing[0]!r}"
      )
    texts = [said[case.id].texts for case in cases]
    texts = [own[: self.votes or None] for own in texts]
    predicted: dict[str, list[int]] = collections.defaultdict(list)
    subsets: dict[str, list[process_bench.Case]] = collections.defaultdict(list)
    for case, own in zip(cases, texts, strict=True):
      subsets[case.subset].append(case)
      predicted[case.subset].append(judge_text.predict(own))
    silent = [
      [judge_text.parse(text) == judge_text.UNPARSED for text in own]
      for own in texts
    ]
    unparsed = float(np.mean([np.mean(own) if own else 1.0 for own in silent]))
    return [
      *first_errors.f1_measures(
        {
          name: (
            np.array(predicted[name]),
            np.array([case.label for case in own]),
            [case.problem for case in own],
          )
          for name, own in subsets.items()
        },
        resampling,
      ),
      base.Measure("critiques", "unparsed", unparsed, n=len(cases)),
    ]
