"""Multi-agent debate, a baseline without verifier (arXiv 2505.22960).

In the first round every agent answers on its own. In each later one it sees
its last solution and those of all others, and answers again. The majority of
the last round's answers decides, so one round is self-consistency
(2203.11171).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from prm_jax.data import records
from prm_jax.solvers import writing
from prm_jax.tasks import base as tasks


class Debate(NamedTuple):
  """All that was said."""

  rounds: list[list[list[records.Solution]]]  # [n][rounds][agents]
  chosen: np.ndarray  # [n] agent of the last round
  spent: list[writing.Spent]  # [n]


def debate(
  problems: Sequence[tasks.Problem],
  *,
  agents: Sequence[writing.WriteFn],
  num_rounds: int,
) -> Debate:
  """Lets the agents write round by round and vote.

  Args:
    problems: [n].
    agents: writers; the same one several times gets other draws each time.
    num_rounds: R, the independent one included: agents x R solutions.
  """
  if not agents or num_rounds < 1:
    raise ValueError("a debate needs an agent and a round")
  rounds: list[list[list[records.Solution]]] = [[] for _ in problems]
  spent = [writing.Spent() for _ in problems]
  for turn in range(num_rounds):
    said: list[list[records.Solution]] = [[] for _ in problems]
    for index, write_fn in enumerate(agents):
      prompts = [
        writing.Prompt(
          problem,
          seen=_in_view(past[-1], index) if past else (),
          draw=turn * len(agents) + index,
        )
        for problem, past in zip(problems, rounds, strict=True)
      ]
      for i, new in enumerate(write_fn(prompts)):
        said[i].append(new.solution)
        spent[i] += new.spent
    for past, now in zip(rounds, said, strict=True):
      past.append(now)
  chosen = writing.majority([past[-1] for past in rounds])
  return Debate(rounds, chosen, spent)


def _in_view(
  last: Sequence[records.Solution], index: int
) -> tuple[records.Solution, ...]:
  """The agent's own solution, then the others' in order."""
  return (last[index], *last[:index], *last[index + 1 :])
