"""Graphs of quantities in Z_m, each defined by others.

After the dependency graphs of iGSM (arXiv 2407.20311). Every quantity has a
name, a number from m on, and a definition: a constant, another quantity plus
or times a constant, or the sum or difference of two. As a prompt,

  `23 : 26 = 24 + 25 | 25 = 5 | 24 = 25 * 3 : 26 :`

gives the modulus, the definitions in any order, and the quantity asked for.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from prm_jax.tasks import base


class Definition(NamedTuple):
  """`left operator right`; a lone constant has operator "" and right 0.

  Operands from the modulus on are names, those below it constants.
  """

  left: int
  operator: str
  right: int


@dataclasses.dataclass(frozen=True)
class Graph:
  """The definitions in the order of the prompt, and what is asked for."""

  modulus: int
  definitions: Mapping[int, Definition]
  query: int

  def parents(self, name: int) -> list[int]:
    left, operator, right = self.definitions[name]
    operands = [left, right] if operator else [left]
    return [operand for operand in operands if operand >= self.modulus]

  @functools.cached_property
  def needed(self) -> frozenset[int]:
    """The query and all it depends on."""
    found: set[int] = set()
    waiting = [self.query]
    while waiting:
      name = waiting.pop()
      if name not in found:
        found.add(name)
        waiting += self.parents(name)
    return frozenset(found)

  @functools.cached_property
  def order(self) -> tuple[int, ...]:
    """The needed quantities: always the first that can be computed."""
    left = set(self.needed)
    ordered: list[int] = []
    while left:
      name = next(
        n
        for n in self.definitions
        if n in left and not left.intersection(self.parents(n))
      )
      ordered.append(name)
      left.remove(name)
    return tuple(ordered)

  @functools.cached_property
  def truth(self) -> Mapping[int, int]:
    """True values of all quantities, needed or not."""
    values: dict[int, int] = {}
    for name in self.definitions:
      values |= complete(dataclasses.replace(self, query=name), values)
    return values


def to_meta(graph: Graph) -> dict:
  """As JSON has it."""
  return {
    "modulus": graph.modulus,
    "definitions": [[name, *d] for name, d in graph.definitions.items()],
    "query": graph.query,
  }


@functools.lru_cache(maxsize=1 << 14)
def of_problem(problem: base.Problem) -> Graph:
  meta = problem.meta
  definitions = {row[0]: Definition(*row[1:]) for row in meta["definitions"]}
  return Graph(meta["modulus"], definitions, meta["query"])


def prompt(graph: Graph) -> str:
  lines = [
    f"{name} = {expression(definition)}"
    for name, definition in graph.definitions.items()
  ]
  return f"{graph.modulus} : {' | '.join(lines)} : {graph.query} :"


def expression(definition: Definition) -> str:
  left, operator, right = definition
  return f"{left} {operator} {right}" if operator else str(left)


def structure(graph: Graph) -> str:
  """A hash of what the query is made of, whatever names and order are."""

  @functools.cache
  def digest(name: int) -> str:
    left, operator, right = graph.definitions[name]
    parts = [
      digest(operand) if operand >= graph.modulus else str(operand)
      for operand in (left, right)
    ]
    if operator in "+*":
      parts.sort()
    text = f"{parts[0]}{operator}{parts[1]}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]

  return digest(graph.query)


def num_operations(graph: Graph) -> int:
  """Of a solution without redundant steps."""
  return sum(bool(graph.definitions[n].operator) for n in graph.needed)


def apply(values: Definition, modulus: int) -> int:
  left, operator, right = values
  if operator == "+":
    return (left + right) % modulus
  if operator == "-":
    return (left - right) % modulus
  return left * right % modulus if operator else left % modulus


def quote(
  graph: Graph, name: int, values: Mapping[int, int]
) -> Definition | None:
  """The definition with values for names; None where one has no value."""
  left, operator, right = graph.definitions[name]
  if any(parent not in values for parent in graph.parents(name)):
    return None
  value = lambda operand: values.get(operand, operand)
  return Definition(value(left), operator, value(right) if operator else 0)


def complete(graph: Graph, written: Mapping[int, int]) -> dict[int, int]:
  """The values written, and what right steps then make of the rest."""
  values = dict(written)
  for name in graph.order:
    if name not in values:
      quoted = quote(graph, name, values)
      assert quoted is not None  # parents come first
      values[name] = apply(quoted, graph.modulus)
  return values
