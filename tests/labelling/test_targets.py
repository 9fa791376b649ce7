"""Columns that objectives read besides targets and weights."""

import numpy as np

from prm_jax.data import records
from prm_jax.labelling import first_errors, targets
from prm_jax.text import steps as steps_lib
from tests.labelling import chains

PROBLEMS = {"p": records.Problem("p", "chain", "?", "1", {})}


def encode(prompt, steps):
  """Two tokens of prompt, two a step."""
  del prompt
  size = 2 + 2 * len(steps)
  ends = np.arange(3, size, 2, dtype=np.int32)
  return steps_lib.EncodedSolution(np.ones(size, np.int32), 2, ends)


def made(kind, *labels):
  return targets.from_labels(encode, PROBLEMS, labels, kind)


def test_solutions_that_are_wrong_somewhere_are_censored():
  """Located, wrong somewhere, and of no verdict."""
  given = [
    chains.label([4, 0, 0], [8, 8, 1]),
    chains.label([0, 0, 0], [0, 0, 1]),
    chains.label([0, 0, 0], [0, 0, 0]),
  ]
  relabelled = first_errors.relabel(given, first_errors.Config())
  found = made("hazards", *relabelled.labels)
  ends = [3, 5, 7]
  weights = [found[i]["weights"][ends].tolist() for i in range(3)]
  assert weights == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
  assert [found[i]["censored"].tolist() for i in range(3)] == [
    [0.0] * 8, [0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0], [0.0] * 8
  ]  # fmt: skip
