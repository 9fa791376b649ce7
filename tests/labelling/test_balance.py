"""Which labels are left out, and what that does to fitted probabilities."""

import dataclasses
import math

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import balance
from tests.labelling import chains

Config = balance.Config


def made(num=40, seed=0, **changes):
  """Hard labels, most of them positive, a problem each."""
  rng = np.random.default_rng(seed)
  return [
    chains.label(
      *([0] * 4, [0] * 4),
      problem_id=f"p{i}",
      hard=tuple((rng.random(4) < 0.8).astype(int).tolist()),
      **changes,
    )
    for i in range(num)
  ]


def classes(labels):
  return np.array(
    [[-1 if h is None else h for h in label.hard] for label in labels]
  )


def test_classes_are_equal_in_number():
  labels = made()
  whole = classes(labels)
  found = balance.relabel(labels, Config())
  after = classes(found.labels)
  assert (after == 1).sum() == (after == 0).sum() == (whole == 0).sum()
  assert ((after == whole) | (after == -1)).all()
  assert found.told["negatives_kept"] == found.told["negatives"]
  twice = classes(balance.relabel(labels, Config(ratio=2.0)).labels)
  assert (twice == 1).sum() == 2 * (twice == 0).sum()


def test_per_length_and_per_problem():
  labels = made()
  after = classes(balance.relabel(labels, Config(by="step")).labels)
  assert ((after == 1).sum(0) == (after == 0).sum(0)).all()
  found = balance.relabel(labels, Config(by="problem"))
  after = classes(found.labels)
  assert ((after == 1).sum(1) == (after == 0).sum(1)).all()
  alone = (classes(labels) == 1).all(1).sum()
  assert found.told["groups_of_one_class"] == alone > 0


def test_the_choice_is_a_matter_of_content():
  labels = made()
  forward = balance.relabel(labels, Config()).labels
  backward = balance.relabel(labels[::-1], Config()).labels
  assert backward[::-1] == forward
  assert balance.relabel(labels, Config(seed=1)).labels != forward


def test_labels_behind_an_error_do_not_count():
  label = chains.label([0] * 4, [0] * 4, hard=(1, 0, 1, 1), first_error=1)
  found = balance.relabel([label], Config())
  assert found.labels == [label]
  assert (found.told["positives"], found.told["negatives"]) == (1, 1)


def test_positives_alone_of_open_problems():
  """MM-PRM: a value above 0 is positive; negatives all stay."""
  labels = [
    chains.label([3, 1, 0], [4] * 3, root=(2, 4), problem_id="open"),
    chains.label([4, 4, 4], [4] * 3, root=(4, 4), problem_id="easy"),
    chains.label([0, 0, 0], [4] * 3, root=(0, 4), problem_id="hard"),
  ]
  config = Config(positive="any", drop="positive", problems="open")
  found = balance.relabel(labels, config)
  assert found.told["closed"] == 6
  assert [one.soft for one in found.labels[1:]] == [(None,) * 3] * 2
  assert found.labels[0].soft[2] == 0
  assert sum(v is None for v in found.labels[0].soft) == 1
  assert [x.n_correct for x in found.labels] == [x.n_correct for x in labels]
  unjudged = chains.label([3, 1, 0], [4] * 3, root=(0, 0), problem_id="none")
  found = balance.relabel([*labels, unjudged], config)
  assert (found.told["closed"], found.told["unjudged"]) == (6, 3)
  assert found.labels[3].soft == (None,) * 3
  few = [dataclasses.replace(labels[0], n_correct=(0, 0, 1))]
  assert balance.relabel(few, config).labels == few


def test_the_shift_of_fitted_log_odds():
  """Class 1 has probability 1 - (1 - V)^k; kept at rate r, odds fall by r."""
  value, k, num = 0.2, 16, 60_000
  true = 1 - (1 - value) ** k
  rng = np.random.default_rng(0)
  hard = (rng.binomial(k, value, num) > 0).astype(int)
  labels = [
    chains.label([0] * 100, [0] * 100, problem_id=f"p{i}", hard=tuple(row))
    for i, row in enumerate(hard.reshape(-1, 100).tolist())
  ]
  found = balance.relabel(labels, Config(drop="positive"))
  after = classes(found.labels)
  fitted = (after == 1).sum() / (after >= 0).sum()
  assert fitted == 0.5  # the minimiser of cross-entropy
  undone = math.log(fitted / (1 - fitted)) - found.told["log_odds_shift"]
  negatives = num * (1 - true)
  error = 4.5 / math.sqrt(negatives * true)
  assert abs(undone - math.log(true / (1 - true))) <= error
  rate = found.told["positives_kept"] / found.told["positives"]
  assert found.told["log_odds_shift"] == pytest.approx(math.log(rate))


def test_mistakes():
  with pytest.raises(errors.UserError, match=r"method\.ratio"):
    Config(ratio=0.5)
  with pytest.raises(errors.UserError, match=r"labels\[0\]\.extra\.root"):
    balance.relabel(made(1), Config(problems="open"))
