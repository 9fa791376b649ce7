"""Straight-line programs on registers mod m: parsed, run, compared; never
handed to Python.

A program starts with its inputs in the first registers and 0 in the others.
A line `2 = 0 * 1` writes to register 2 what registers 0 and 1 give; the
operators are `+`, `-` and `*`, all mod m, and `|`, the remainder of the first
by the second, which is 0 where the second is 0. `2 = : 3` writes the constant
3. The result is what register 0 holds at the end.
"""

import functools
import itertools
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

CONSTANT = ":"
_LINE = re.compile(
  r"(?P<to>\d{1,3}) = (?:(?P<first>\d{1,3}) (?P<sign>[-+*|]) "
  r"(?P<second>\d{1,3})|: (?P<constant>\d{1,3}))"
)


def _remainder(first: int, second: int) -> int:
  return first % second if second else 0


OPERATORS: Mapping[str, Callable[[int, int], int]] = {
  "+": operator.add,
  "-": operator.sub,
  "*": operator.mul,
  "|": _remainder,
}


class Line(NamedTuple):
  """Register `to` gets `first sign second`, or the constant `first`."""

  to: int
  first: int
  sign: str
  second: int

  def __str__(self) -> str:
    if self.sign == CONSTANT:
      return f"{self.to} = : {self.first}"
    return f"{self.to} = {self.first} {self.sign} {self.second}"


class Machine(NamedTuple):
  """Sizes: modulus, registers, and how many of them are inputs."""

  modulus: int
  num_registers: int
  num_inputs: int


def parse(text: str, machine: Machine) -> Line | None:
  """The line, or None where it is none of this machine."""
  match = _LINE.fullmatch(text)
  if match is None:
    return None
  to = int(match["to"])
  if match["constant"] is not None:
    value = int(match["constant"])
    fits = to < machine.num_registers and value < machine.modulus
    return Line(to, value, CONSTANT, 0) if fits else None
  first, second = int(match["first"]), int(match["second"])
  if max(to, first, second) >= machine.num_registers:
    return None
  return Line(to, first, match["sign"], second)


State = tuple[int, ...]  # what the registers hold


def step(state: State, line: Line, machine: Machine) -> State:
  """The registers after a line."""
  if line.sign == CONSTANT:
    result = line.first
  else:
    operate = OPERATORS[line.sign]
    result = operate(state[line.first], state[line.second])
  after = list(state)
  after[line.to] = result % machine.modulus
  return tuple(after)


@functools.cache
def starts(machine: Machine) -> tuple[State, ...]:
  """The registers before the first line, for every input."""
  rest = (0,) * (machine.num_registers - machine.num_inputs)
  inputs = itertools.product(range(machine.modulus), repeat=machine.num_inputs)
  return tuple((*values, *rest) for values in inputs)


def run(lines: Sequence[Line], machine: Machine) -> tuple[State, ...]:
  """The registers after all lines, for every input."""
  states = starts(machine)
  for line in lines:
    states = tuple(step(state, line, machine) for state in states)
  return states


def results(lines: Sequence[Line], machine: Machine) -> tuple[int, ...]:
  """What a program computes: its result for every input, in order."""
  return tuple(state[0] for state in run(lines, machine))


def all_lines(machine: Machine) -> tuple[Line, ...]:
  """Every line of the machine that computes something."""
  registers = range(machine.num_registers)
  return tuple(
    Line(to, first, sign, second)
    for to in registers
    for first in registers
    for sign in OPERATORS
    for second in registers
  )
