"""Explicit instructions whose every state is known.

After ProcBench (arXiv 2410.03117): the prompt says what to do in each step, so
nothing has to be found out, only followed. What is compared is the list of
states, one after each step.
"""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from prm_jax import errors
from prm_jax.tasks import base, drawing

NAME = "instructions"
MOST_STEPS = 25
_STATE = re.compile(r"^\s*State\s+\d+\s*:\s*(.*?)\s*$", re.MULTILINE)
_FORMAT = (
  "After each step write a line `State k: ...` with the text as it is then, "
  "k counting from 1."
)


class Run(NamedTuple):
  """An instruction and what following it gives.

  Attributes:
    instruction: what to do.
    init: the text to begin with.
    states: the text after each step, the last one is the result.
  """

  instruction: str
  init: str
  states: list[str]


def _sort(rng: np.random.Generator, num_steps: int) -> Run:
  """Selection sort of distinct letters."""
  alphabet = "abcdefghijklmnopqrstuvwxyz"
  letters = [alphabet[i] for i in rng.permutation(26)[: num_steps + 1]]
  states, init = [], "".join(letters)
  for place in range(num_steps):
    smallest = letters.index(min(letters[place:]))
    letters[place], letters[smallest] = letters[smallest], letters[place]
    states.append("".join(letters))
  return Run(
    "In step k swap the k-th letter with the alphabetically first of the "
    "letters from the k-th on (nothing changes if it is the k-th itself). Do "
    f"{num_steps} steps.",
    init,
    states,
  )


def _gather(rng: np.random.Generator, num_steps: int) -> Run:
  """Takes words from a list, front and back in turn."""
  init = "".join("abcdefgh"[i] for i in rng.integers(8, size=num_steps + 2))
  states, left, taken = [], init, ""
  for step in range(num_steps):
    if step % 2:
      taken, left = taken + left[-1], left[:-1]
    else:
      taken, left = taken + left[0], left[1:]
    states.append(f"{left} {taken}")
  return Run(
    "Take a letter from the text and put it at the end of a second text, which "
    "is empty at first: in odd steps the first letter, in even steps the last "
    "one. Write what is left, a blank, and the second text. Do "
    f"{num_steps} steps.",
    init,
    states,
  )


def _count(rng: np.random.Generator, num_steps: int) -> Run:
  """Counts letters one by one."""
  init = "".join("xyz"[i] for i in rng.integers(3, size=num_steps))
  counts, states = dict.fromkeys("xyz", 0), []
  for letter in init:
    counts[letter] += 1
    states.append(" ".join(f"{k}{n}" for k, n in counts.items()))
  return Run(
    "Go through the text letter by letter and count. After each letter write "
    "the counts so far, such as `x2 y0 z1`.",
    init,
    states,
  )


def _rotate(rng: np.random.Generator, num_steps: int) -> Run:
  """Rotates by given amounts."""
  init = "".join("abcdefg"[i] for i in rng.permutation(7))
  amounts = [int(n) for n in rng.integers(1, 7, size=num_steps)]
  states, text = [], init
  for amount in amounts:
    text = text[amount:] + text[:amount]
    states.append(text)
  listed = ", ".join(map(str, amounts))
  return Run(
    "In step k move as many letters from the front to the end of the text, in "
    f"their order, as the k-th of these numbers says: {listed}.",
    init,
    states,
  )


def _substitute(rng: np.random.Generator, num_steps: int) -> Run:
  """Replaces every occurrence of a letter."""
  init = "".join("abcdef"[i] for i in rng.integers(6, size=12))
  states, text, rules = [], init, []
  for _ in range(num_steps):
    old, new = ("abcdef"[i] for i in rng.permutation(6)[:2])
    text = text.replace(old, new)
    rules.append(f"{old}->{new}")
    states.append(text)
  return Run(
    "In step k replace each letter in the text that is the left one of the "
    f"k-th rule by the right one: {', '.join(rules)}.",
    init,
    states,
  )


def _accumulate(rng: np.random.Generator, num_steps: int) -> Run:
  """Adds and subtracts, mod 100."""
  start = int(rng.integers(100))
  changes = [int(n) for n in rng.integers(-50, 51, size=num_steps)]
  states, value = [], start
  for change in changes:
    value = (value + change) % 100
    states.append(str(value))
  listed = ", ".join(f"{n:+d}" for n in changes)
  return Run(
    "In step k add the k-th of these numbers and keep the last two digits "
    f"(add 100 to what is below 0): {listed}.",
    str(start),
    states,
  )


def _stack(rng: np.random.Generator, num_steps: int) -> Run:
  """Pushes and pops; never pops an empty stack."""
  states, stack, orders = [], "", []
  for _ in range(num_steps):
    if stack and rng.random() < 0.4:
      stack = stack[:-1]
      orders.append("pop")
    else:
      letter = "abcdefgh"[rng.integers(8)]
      stack += letter
      orders.append(f"push {letter}")
    states.append(stack or "empty")
  return Run(
    "Keep a stack, which is empty at first, and follow the orders. Write the "
    f"stack from the bottom, or `empty`: {', '.join(orders)}.",
    "empty",
    states,
  )


def _reverse_prefix(rng: np.random.Generator, num_steps: int) -> Run:
  """Turns the first letters around."""
  init = "".join("abcdefgh"[i] for i in rng.permutation(8))
  lengths = [int(n) for n in rng.integers(2, 9, size=num_steps)]
  states, text = [], init
  for length in lengths:
    text = text[:length][::-1] + text[length:]
    states.append(text)
  return Run(
    "In step k turn around as many letters at the front of the text as the "
    f"k-th of these numbers says: {', '.join(map(str, lengths))}.",
    init,
    states,
  )


GENERATORS: Mapping[str, Callable[[np.random.Generator, int], Run]] = {
  "sort": _sort,
  "gather": _gather,
  "count": _count,
  "rotate": _rotate,
  "substitute": _substitute,
  "accumulate": _accumulate,
  "stack": _stack,
  "reverse_prefix": _reverse_prefix,
}


def make_set(
  step_counts: Sequence[int], *, per_count: int = 1, seed: int = 0
) -> list[base.Problem]:
  """Different problems of every generator and number of steps.

  `meta` has `generator`, and `init`, `intermediate` and `final` as ProcBench
  labels them; the answer is the final state.

  Args:
    step_counts: 2 to 25 each; n steps have n - 1 intermediate states.
    per_count: problems of each generator and count.
    seed: of all draws.

  Raises:
    UserError: nothing is asked for, or more than differ, or a number of steps
      that there is not.
  """
  if per_count < 1 or not step_counts:
    raise errors.UserError("step_counts, per_count: there is nothing to make")
  for count in step_counts:
    if not 2 <= count <= MOST_STEPS:
      raise errors.UserError(
        f"step_counts: expected 2 to {MOST_STEPS}, got {count}"
      )
  if len(set(step_counts)) < len(step_counts):
    raise errors.UserError("step_counts: a number stands there twice")
  problems = []
  for index, (name, draw) in enumerate(GENERATORS.items()):
    for count in step_counts:
      posed: set[str] = set()
      for number in range(per_count):
        rng = np.random.default_rng((seed, index, count, number))
        run = drawing.unlike(
          functools.partial(draw, rng, count),
          lambda own: f"{own.instruction} {own.init}",
          posed,
        )
        if run is None:
          raise errors.UserError(
            f"per_count: {name} has fewer than {per_count} different problems"
            f" of {count} steps"
          )
        problems.append(_problem(f"{name}-{count}-{number}", name, run))
  return problems


def read_states(text: str) -> list[str]:
  """The states that a text claims, in its order."""
  return _STATE.findall(text)


def states(problem: base.Problem) -> list[str]:
  """The true ones, the final one included."""
  return [*problem.meta["intermediate"], problem.meta["final"]]


def _problem(name: str, generator: str, run: Run) -> base.Problem:
  *intermediate, final = run.states
  return base.Problem(
    id=f"{NAME}/{name}",
    task=NAME,
    prompt=f"{run.instruction} {_FORMAT}\nText: {run.init}",
    answer=final,
    meta={
      "generator": generator,
      "init": run.init,
      "intermediate": intermediate,
      "final": final,
    },
  )
