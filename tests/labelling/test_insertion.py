"""Errors put into right chains: labels are 0 whatever the value is."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import insertion
from prm_jax.tasks import chain
from tests.labelling import chains

TASK = chains.TASK


def misread(problem, steps, index):
  """A wrong residue there, and on from it without a mistake."""
  terms, modulus = problem.meta["terms"], problem.meta["modulus"]
  written = int(steps[index].split()[-1])
  written = (written + 1) % modulus
  head = steps[index].rpartition("=")[0]
  found = [f"{head}= {written}"]
  for addend in terms[index + 2 :]:
    result = (written + addend) % modulus
    found.append(f"{written} + {addend} = {result}")
    written = result
  if index < len(terms) - 1:
    found.append(f"= {written}")
  return found


def test_labels_and_their_disagreement_with_values():
  given = [x for x in chains.solutions(60) if all(TASK.oracle(*x).valid)]
  gaps, places = [], []
  for problem, steps in given:
    label = insertion.insert(problem, steps, misread)
    index = label.extra["spoilt"]
    places.append(index)
    assert label.steps[:index] == steps[:index]
    assert len(label.steps) == len(steps)
    assert label.hard == (1,) * index + (0,) * (len(steps) - index)
    # Only the spoilt step breaks a rule; all from it on end in a bad state.
    valid = TASK.oracle(problem, label.steps).valid
    assert valid.index(False) == index
    assert sum(valid) == len(valid) - 1
    bad = chain.state_values(TASK.config)[:, 0]
    for k in range(index, len(steps) - 1):
      value = TASK.value(problem, label.steps[: k + 1])
      assert value == pytest.approx(bad[k + 1])
      gaps.append(value - label.hard[k])
  assert set(places) == set(range(5))
  assert 0.1 <= min(gaps) < np.mean(gaps) < 0.25  # somebody would be saved


def test_what_cannot_be_spoilt():
  problem, steps = chains.solutions(1)[0]
  give_up = lambda problem, steps, index: None
  assert insertion.insert(problem, steps, give_up) is None
  same = lambda problem, steps, index: steps[index:]
  assert insertion.insert(problem, steps, same) is None
  with pytest.raises(errors.UserError, match="steps: the solution has none"):
    insertion.insert(problem, (), misread)
