"""Hazard targets: what is known, and the exact law of the chain's errors."""

import numpy as np
import pytest

from prm_jax.labelling import first_errors, judges
from prm_jax.tasks import chain
from tests.labelling import chains

Config = first_errors.Config


def test_targets():
  assert first_errors.target(2, 4) == ((1, 1, 0, None), 2)
  assert first_errors.target(0, 2) == ((0, None), 0)
  assert first_errors.target(-1, 2) == ((1, 1), -1)
  assert first_errors.target(None, 2) == ((None, None), None)


LABELS = [
  chains.label([4, 2, 1], [8, 8, 1]),  # right
  chains.label([4, 0, 0], [8, 8, 1]),  # located
  chains.label([4, 0, 1], [8, 8, 1]),  # lucky
  chains.label([0, 0, 0], [0, 0, 1]),  # wrong, nobody knows where
  chains.label([0, 0, 0], [0, 0, 0]),  # nothing is known
  chains.label([0, 0, 1], [0, 0, 1]),  # right
]


def test_what_is_known():
  found = first_errors.relabel(LABELS, Config())
  assert found.told == {
    "right": 2, "located": 2, "censored": 1, "unknown": 1, "lucky": 1
  }  # fmt: skip
  assert [one.hard for one in found.labels] == [
    (1, 1, 1), (1, 0, None), (1, 0, None), (None,) * 3, (None,) * 3, (1, 1, 1)
  ]  # fmt: skip
  assert [one.first_error for one in found.labels] == [-1, 1, 1, None, None, -1]
  assert ["censored" in one.extra for one in found.labels].index(True) == 3
  fewer = first_errors.relabel(LABELS, Config(unlocated="drop"))
  assert len(fewer.labels) == 5
  assert fewer.told == found.told


def test_a_wrong_answer_behind_right_steps_is_censored():
  """Whoever judged the steps overlooked an error."""
  label = chains.label([0, 0, 0], [0, 0, 1], hard=(1, 1, 1), first_error=-1)
  for by in ("counts", "record"):
    found = first_errors.relabel([label], Config(by=by))
    assert (found.told["right"], found.told["censored"]) == (0, 1)
    assert found.labels[0].hard == (None,) * 3
    assert found.labels[0].extra["censored"] is True


def test_hazards_are_recovered_from_a_chain_without_recovery():
  """P(first error at t | none before) is e, and the answer says no more."""
  task = chain.Chain(chain.Config(error_rate=0.2, recovery_rate=0.0))
  given = chains.solutions(250, task=task)
  labels = chains.counted(given, 8, task=task)
  problems = [problem for problem, _ in given]
  judged = judges.relabel(labels, problems, judges.Oracle(task)).labels
  found = first_errors.relabel(judged, Config(by="record")).labels
  rows = np.array(
    [[np.nan if h is None else h for h in one.hard] for one in found]
  )
  for t in range(task.config.num_addends):
    asked = rows[:, t][~np.isnan(rows[:, t])]
    error = 4.5 * np.sqrt(0.2 * 0.8 / len(asked))
    assert abs((1 - asked).mean() - 0.2) <= error
  survived = (rows[:, :4] == 1).all(1).mean()
  assert survived == pytest.approx(0.8**4, abs=4.5 * np.sqrt(0.25 / 250))
