"""MATH-APS: values of prefixes by rollouts, as OmegaPRM (arXiv 2406.06592).

A row is a tree of prefixes with the share of rollouts from each that end in
the right answer. The flat form lists the prefixes, question included, in any
order; the tree form nests them. The paths from the root to the leaves are the
labelled solutions.
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from prm_jax import errors
from prm_jax.data import fields, records
from prm_jax.data.formats import base

NAME = "math_aps"
COMPLETER = "math-aps"
NOTE = base.Note(
  repository="openreasoner/MATH-APS (data sets of the Hugging Face hub)",
  files="the .jsonl file",
  licence="MIT",
  citation="Wang et al. 2024, OpenR, arXiv 2410.09671",
)


@dataclasses.dataclass(frozen=True)
class Config:
  """How values become counts.

  Attributes:
    num_rollouts: of every prefix, of which the values are shares, 32 in the
      published data; 0 if they are not known: values are kept as they are.
    shared: prefixes of several solutions have their label in each of these
      (`repeat`), or in the first alone (`once`).
  """

  num_rollouts: int = 32
  shared: Literal["repeat", "once"] = "repeat"


@dataclasses.dataclass(frozen=True)
class Node:
  """A prefix: the text since its parent, its value, its continuations.

  A prefix that was judged several times has several values.
  """

  text: str
  values: tuple[float, ...]
  children: tuple["Node", ...] = ()


@dataclasses.dataclass(frozen=True)
class _Flat:
  solution_prefix: str
  mc_value: float
  extra: base.Row = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class _Row:
  question: str
  reasoning_steps: Any
  final_answer: str | None = None
  question_id: str | int | None = None
  extra: base.Row = dataclasses.field(default_factory=dict)


def grow(question: str, listed: Sequence[_Flat], told: base.Told) -> list[Node]:
  """The children of the question, from prefixes in any order.

  The parent of a prefix is the longest other that it begins with. One that is
  listed with several values was judged as often.
  """
  values: dict[str, tuple[float, ...]] = {}
  for one in listed:
    if not one.solution_prefix.startswith(question):
      told["prefixes that do not begin with the question, left out"] += 1
    elif one.mc_value in values.get(one.solution_prefix, ()):
      told["prefixes that stand there twice, left out"] += 1
    else:
      known = values.get(one.solution_prefix, ())
      values[one.solution_prefix] = (*known, one.mc_value)
  values.pop(question, None)  # no step has been made
  made: dict[str, list[str]] = {text: [] for text in (question, *values)}
  # In order of the alphabet an ancestor comes before what begins with it,
  # with nothing but its own descendants between.
  above = [question]
  for text in sorted(values):
    while not text.startswith(above[-1]):
      above.pop()
    made[above[-1]].append(text)
    above.append(text)

  def build(text: str, parent: str) -> Node:
    own = tuple(build(child, text) for child in made[text])
    return Node(text[len(parent) :], values[text], own)

  return [build(text, question) for text in made[question]]


def nested(value: Any, field: str) -> Node:
  """A tree as it is written: `text`, `mc_value`, `children`."""
  if not isinstance(value, dict):
    raise errors.UserError(f"{field}: must be an object")
  for name in ("text", "mc_value"):
    if name not in value:
      raise errors.UserError(f"{field}.{name}: missing")
  children = value.get("children") or []
  return Node(
    fields.decode(value["text"], str, f"{field}.text"),
    (fields.decode(value["mc_value"], float, f"{field}.mc_value"),),
    tuple(
      nested(child, f"{field}.children[{index}]")
      for index, child in enumerate(children)
    ),
  )


def paths(nodes: Sequence[Node]) -> Iterator[tuple[Node, ...]]:
  """From each of the nodes to each leaf below it."""
  for node in nodes:
    if not node.children:
      yield (node,)
    for rest in paths(node.children):
      yield (node, *rest)


def parse(
  row: base.Row, place: str, told: base.Told, config: Config
) -> Iterator[base.LabelledSolution]:
  """The labelled solutions of a row."""
  del place
  found = fields.decode_dataclass(row, _Row)
  nodes = _nodes(found, told)
  problem = records.Problem(
    id=base.problem_id(NAME, found.question),
    task=NAME,
    prompt=found.question,
    answer=found.final_answer,
    meta={"question_id": found.question_id},
  )
  if not nodes:
    told["rows without a step, left out"] += 1
  seen: set[int] = set()
  for path in paths(nodes):
    kept = [node for node in path if node.text.strip()]
    told["empty steps, left out"] += len(path) - len(kept)
    given = [config.shared == "repeat" or id(n) not in seen for n in kept]
    seen.update(id(node) for node in kept)
    if kept:
      yield base.LabelledSolution(
        problem, _labels(problem.id, kept, given, config.num_rollouts)
      )


def _nodes(found: _Row, told: base.Told) -> Sequence[Node]:
  listed = found.reasoning_steps
  if isinstance(listed, dict):
    root = nested(listed, "reasoning_steps")
    # The root is the question, or the first step where it has another text.
    is_question = root.text.strip() in ("", found.question.strip())
    return root.children if is_question else (root,)
  flat = fields.decode(listed, tuple[_Flat, ...], "reasoning_steps")
  return grow(found.question, flat, told)


def _labels(
  problem_id: str,
  path: Sequence[Node],
  given: Sequence[bool],
  num_rollouts: int,
) -> records.StepLabels:
  """Labels of a path, where they are given."""
  pairs = list(zip(path, given, strict=True))
  counts = [
    sum(_count(value, num_rollouts) for value in node.values) * on
    for node, on in pairs
  ]
  shares = tuple(
    sum(node.values) / len(node.values) if on else None for node, on in pairs
  )
  return records.StepLabels(
    problem_id=problem_id,
    n_correct=tuple(counts),
    n_total=tuple(num_rollouts * len(n.values) * on for n, on in pairs),
    completer=COMPLETER,
    steps=tuple(node.text.strip() for node in path),
    soft=None if num_rollouts else shares,
  )


def _count(value: float, num_rollouts: int) -> int:
  if not 0 <= value <= 1:
    raise errors.UserError(f"mc_value: {value} is no share of rollouts")
  count = round(value * num_rollouts)
  if num_rollouts and abs(count - value * num_rollouts) > 1e-6:
    raise errors.UserError(
      f"mc_value: {value} is no share of {num_rollouts} rollouts "
      "(source.options.num_rollouts; 0 keeps values as they are)"
    )
  return count


def make(config: Config = Config()) -> base.Format[base.LabelledSolution]:
  """The reader with these options."""
  return base.Format(
    NAME,
    base.LabelledSolution,
    functools.partial(parse, config=config),
    NOTE,
    labelled=base.itself,
  )
