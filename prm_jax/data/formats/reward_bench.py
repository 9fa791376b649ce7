"""RewardBench (arXiv 2403.13787): a right answer against a wrong one.

Its subset `math-prm` has a human's reference as the chosen and GPT-4's wrong
solution as the rejected, so style alone tells them apart.
"""

import dataclasses
from collections.abc import Iterator

from prm_jax import errors
from prm_jax.data import fields, records
from prm_jax.data.formats import base
from prm_jax.text import segments

NAME = "reward_bench"
MATH = "math-prm"
NOTE = base.Note(
  repository="allenai/reward-bench (data sets of the Hugging Face hub)",
  files="data/filtered-*.parquet",
  licence="ODC-BY",
  citation="Lambert et al. 2024, arXiv 2403.13787",
  num_rows={MATH: 447},
)


@dataclasses.dataclass(frozen=True)
class Pair:
  """Two answers to one prompt.

  Attributes:
    id: of the row.
    prompt: text.
    chosen: the better answer.
    rejected: the worse one.
    chosen_model: who wrote the first.
    rejected_model: who wrote the second.
    subset: such as `math-prm`.
    extra: further columns.
  """

  id: str
  prompt: str
  chosen: str
  rejected: str
  chosen_model: str = ""
  rejected_model: str = ""
  subset: str = ""
  extra: base.Row = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Config:
  """Which pairs are read.

  Attributes:
    subset: of the benchmark; "" for all.
  """

  subset: str = MATH


def steps(answer: str, rule: str = "blank_line") -> tuple[str, ...]:
  """An answer in steps, for verifiers that read steps."""
  return segments.split(answer, rule).steps


def solved(pair: Pair) -> Iterator[base.SolvedProblem]:
  """Both answers, judged."""
  problem = records.Problem(
    id=f"{NAME}/{pair.id}", task=NAME, prompt=pair.prompt, answer=None
  )
  for text, author, correct in (
    (pair.chosen, pair.chosen_model, True),
    (pair.rejected, pair.rejected_model, False),
  ):
    solution = records.Solution(
      problem.id, steps(text), correct=correct, source=author
    )
    yield base.SolvedProblem(problem, solution)


def _parse(
  row: base.Row, place: str, told: base.Told, subset: str
) -> Iterator[Pair]:
  del place
  if not isinstance(row.get("id"), str):
    row = {**row, "id": str(row.get("id", ""))}
  pair = fields.decode_dataclass(row, Pair)
  if not pair.id:
    raise errors.UserError("id: missing")
  if subset and pair.subset != subset:
    told[f"pairs of other subsets than {subset}, left out"] += 1
    return
  yield pair


def make(config: Config = Config()) -> base.Format[Pair]:
  """The reader with these options."""

  def parse(row: base.Row, place: str, told: base.Told) -> Iterator[Pair]:
    return _parse(row, place, told, config.subset)

  return base.Format(NAME, Pair, parse, NOTE, solved=solved)
