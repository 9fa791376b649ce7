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
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

CONSTANT = ":"
_LINE = re.compile(
  r"(?P<to>\d{1,3}) = (?:(?P<first>\d{1,3}) (?P<sign>[-+*|]) "
  r"(?P<second>\d{1,3})|: (?P<constant>\d{1,3}))"
)


def _remainder(first: np.ndarray, second: np.ndarray) -> np.ndarray:
  return np.where(second, first % np.maximum(second, 1), 0)


OPERATORS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
  "+": np.add,
  "-": np.subtract,
  "*": np.multiply,
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


def step(states: np.ndarray, line: Line, machine: Machine) -> np.ndarray:
  """The registers [inputs, registers] after a line."""
  if line.sign == CONSTANT:
    result = np.full(len(states), line.first)
  else:
    operate = OPERATORS[line.sign]
    result = operate(states[:, line.first], states[:, line.second])
  after = states.copy()
  after[:, line.to] = result % machine.modulus
  return after


@functools.cache
def starts(machine: Machine) -> np.ndarray:
  """The registers before the first line, [inputs, registers] int64."""
  found = np.zeros(
    (machine.modulus**machine.num_inputs, machine.num_registers), np.int64
  )
  values = itertools.product(range(machine.modulus), repeat=machine.num_inputs)
  found[:, : machine.num_inputs] = list(values)
  found.flags.writeable = False
  return found


def run(lines: Sequence[Line], machine: Machine) -> np.ndarray:
  """The registers after all lines, [inputs, registers]."""
  states = starts(machine)
  for line in lines:
    states = step(states, line, machine)
  return states


def results(lines: Sequence[Line], machine: Machine) -> tuple[int, ...]:
  """What a program computes: its result for every input, in order."""
  return tuple(run(lines, machine)[:, 0].tolist())


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
