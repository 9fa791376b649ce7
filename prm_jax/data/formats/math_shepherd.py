"""Math-Shepherd (arXiv 2312.08935): a tag after every step, and its sign.

`input` is the question and the steps, each closed by the tag; `label` is the
same text with a sign in place of each tag. Some published rows are malformed;
they are counted by what is wrong with them.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence

from prm_jax.data import fields, records
from prm_jax.data.formats import base
from prm_jax.text import segments

NAME = "math_shepherd"
TAG = "ки"
_SENTINEL = "\ue000"  # of the private use area: no text has it
_SIGNS = {"+": 1, "-": 0}
_FIRST_STEP = re.compile(r"[Ss]tep 1:")
COMPLETER = "math-shepherd"
NOTE = base.Note(
  repository="peiyi9979/Math-Shepherd (data sets of the Hugging Face hub)",
  files="math-shepherd.jsonl",
  licence="none stated on its card",
  citation="Wang et al. 2023, arXiv 2312.08935",
)


@dataclasses.dataclass(frozen=True)
class _Row:
  input: str
  label: str
  task: str = ""
  extra: base.Row = dataclasses.field(default_factory=dict)


class _Malformed(Exception):
  """Why a row cannot be used."""


def signs(text: str, label: str) -> tuple[list[str], list[int]]:
  """Pieces before each tag, and its class.

  Raises:
    _Malformed: the label is not the text with signs in place of the tags.
  """
  # One character for the tag, so that places in both texts are the same.
  marked = text.replace(TAG, _SENTINEL)
  pieces = marked.split(_SENTINEL)
  if len(pieces) < 2:
    raise _Malformed("rows without a tag")
  place, classes = 0, []
  for piece in pieces[:-1]:
    place += len(piece)
    if label[place : place + 1] not in _SIGNS:
      raise _Malformed("rows where tags and signs are not at the same places")
    classes.append(_SIGNS[label[place]])
    place += 1
  if len(label) != len(marked):
    raise _Malformed("rows where tags and signs are not at the same places")
  if pieces[-1].strip():
    raise _Malformed("rows with text behind the last tag")
  return pieces[:-1], classes


def split_question(first: str) -> tuple[str, str]:
  """Question and first step of the text before the first tag.

  Raises:
    _Malformed: no `Step 1:`, such as where a tag is inside the question.
  """
  found = list(_FIRST_STEP.finditer(first))
  if len(found) != 1:
    raise _Malformed("rows without one 'Step 1:' before the first tag")
  start = found[0].start()
  return first[:start].strip(), first[start:]


def parse(
  row: base.Row, place: str, told: base.Told
) -> Iterator[base.LabelledSolution]:
  """The labelled solution of a row; none, and a count, if malformed."""
  del place
  found = fields.decode_dataclass(row, _Row)
  try:
    pieces, classes = signs(found.input, found.label)
    question, first = split_question(pieces[0])
  except _Malformed as why:
    told[f"{why}, left out"] += 1
    return
  steps = [step.strip() for step in (first, *pieces[1:])]
  kept, empty = segments.without_empty(steps)
  told["empty steps, left out"] += empty
  problem = records.Problem(
    id=base.problem_id(NAME, question),
    task=NAME,
    prompt=question,
    answer=None,
    meta={"task": found.task},
  )
  none = (0,) * len(kept)
  labels = records.StepLabels(
    problem_id=problem.id,
    n_correct=none,
    n_total=none,
    completer=COMPLETER,
    steps=tuple(steps[index] for index in kept),
    # Any of 8 completions was right; how many were is not published.
    hard=tuple(classes[index] for index in kept),
  )
  yield base.LabelledSolution(problem, labels)


def dump(question: str, steps: Sequence[str], classes: Sequence[int]) -> dict:
  """The row that `parse` reads as these steps and classes.

  Args:
    question: without `Step 1:`.
    steps: k texts as published, so the first begins with `Step 1:`.
    classes: k of 0 and 1.
  """
  lines = [f"{step} {_SENTINEL}" for step in steps]
  marked = f"{question} " + "\n".join(lines)
  label = marked
  for value in classes:
    label = label.replace(_SENTINEL, "+" if value else "-", 1)
  return {"input": marked.replace(_SENTINEL, TAG), "label": label}


FORMAT = base.Format(
  NAME, base.LabelledSolution, parse, NOTE, labelled=base.itself
)
