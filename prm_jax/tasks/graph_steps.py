"""Solutions of `graphs`, one quantity at a time, judged step by step.

A step computes a quantity from the values written before, and the last one
states the answer:

  `25 = 5`   `24 = 25 * 3 = 5 * 3 = 15`   `26 = 24 + 25 = 15 + 5 = 20`   `= 20`
"""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from prm_jax.tasks import graphs

_NUMBER = "(0|[1-9][0-9]{0,3})"
_OPERATION = rf"{_NUMBER}(?: ([-+*]) {_NUMBER})"
_STEP = re.compile(rf"{_NUMBER} = (?:{_OPERATION} = {_OPERATION} = )?{_NUMBER}")
_ANSWER = re.compile(f"= {_NUMBER}")


class Written(NamedTuple):
  """A step as it stands there, right or wrong.

  Attributes:
    name: the quantity; None for the answer.
    definition: as quoted; of a constant or answer, its value.
    values: the operands' values as quoted.
    result: the value written.
  """

  name: int | None
  definition: graphs.Definition
  values: graphs.Definition
  result: int


class JudgedStep(NamedTuple):
  """What is so of one step.

  Attributes:
    name: the quantity; None for the answer.
    valid: right given the values written before it.
    ok: its result is the true value.
    redundant: the query does not depend on it, or it says what was said.
    again: the quantity had a value before.
    result: as written.
    reason: what is wrong with it, or "".
  """

  name: int | None
  valid: bool
  ok: bool
  redundant: bool
  again: bool
  result: int
  reason: str


def format_step(
  graph: graphs.Graph, name: int, values: graphs.Definition, result: int
) -> str:
  definition = graph.definitions[name]
  if not definition.operator:
    return f"{name} = {result}"
  said = [graphs.expression(part) for part in (definition, values)]
  return " = ".join([str(name), *said, str(result)])


@functools.lru_cache(maxsize=1 << 16)
def parse_step(text: str) -> Written | None:
  """None unless the text is of the form of a step."""
  answer = _ANSWER.fullmatch(text)
  if answer:
    return _constant(None, int(answer[1]))
  match = _STEP.fullmatch(text)
  if match is None:
    return None
  if match[2] is None:
    return _constant(int(match[1]), int(match[8]))
  return Written(
    int(match[1]),
    graphs.Definition(int(match[2]), match[3], int(match[4])),
    graphs.Definition(int(match[5]), match[6], int(match[7])),
    int(match[8]),
  )


def _constant(name: int | None, value: int) -> Written:
  said = graphs.Definition(value, "", 0)
  return Written(name, said, said, value)


def judge(graph: graphs.Graph, steps: Sequence[str]) -> list[JudgedStep]:
  """Judges the steps up to the first that is malformed or out of place."""
  truth, wanted = graph.truth, graph.needed
  values: dict[int, int] = {}
  judged: list[JudgedStep] = []
  for text in steps:
    step = parse_step(text)
    if step is None or step.result >= graph.modulus:
      break
    if judged and judged[-1].name is None:
      break  # nothing comes after the answer
    name = step.name
    if name is not None and name not in graph.definitions:
      break
    reason = _complaint(graph, step, values)
    true = truth[graph.query if name is None else name]
    again = name in values
    redundant = name is not None and (
      name not in wanted or values.get(name) == step.result
    )
    judged.append(
      JudgedStep(
        name,
        not reason,
        step.result == true,
        redundant,
        again,
        step.result,
        reason,
      )
    )
    if name is not None:
      values[name] = step.result
  return judged


def written_values(judged: Sequence[JudgedStep]) -> dict[int, int]:
  """The last value of each quantity."""
  return {step.name: step.result for step in judged if step.name is not None}


def right_step(
  graph: graphs.Graph, name: int | None, values: Mapping[int, int]
) -> str:
  """The step that computes a quantity from the values written."""
  assert name is not None  # it is no answer
  quoted = graphs.quote(graph, name, values)
  assert quoted is not None  # its parents have values
  right = graphs.apply(quoted, graph.modulus)
  return format_step(graph, name, quoted, right)


def corrected(
  graph: graphs.Graph,
  judged: Sequence[JudgedStep],
  values: Mapping[int, int],
) -> dict[int, int] | None:
  """The values if the last step is corrected; None if the policy would not."""
  if not judged or judged[-1].valid or judged[-1].again:
    return None
  name = judged[-1].name
  quoted = None if name is None else graphs.quote(graph, name, values)
  if name is None or quoted is None:
    return None
  return {**values, name: graphs.apply(quoted, graph.modulus)}


def _complaint(
  graph: graphs.Graph, step: Written, values: Mapping[int, int]
) -> str:
  """What is wrong with the step given the values written, or ""."""
  if step.name is None:
    if graph.query not in values:
      return f"{graph.query} has no value yet"
    found = values[graph.query]
    return "" if step.result == found else f"{graph.query} was {found}"
  definition = graph.definitions[step.name]
  if not definition.operator:
    if step.definition == definition:
      return ""
    return f"{step.name} is {graphs.expression(definition)}"
  if step.definition != definition:
    return f"{step.name} is {graphs.expression(definition)}"
  quoted = graphs.quote(graph, step.name, values)
  if quoted is None:
    missing = [p for p in graph.parents(step.name) if p not in values]
    return f"{missing[0]} has no value yet"
  if step.values != quoted:
    return f"the values are {graphs.expression(quoted)}"
  right = graphs.apply(quoted, graph.modulus)
  if step.result != right:
    return f"{graphs.expression(quoted)} is {right} mod {graph.modulus}"
  return ""
