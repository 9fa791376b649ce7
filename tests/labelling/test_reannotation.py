"""Hard solutions get the stronger completer's labels, with its counts."""

import dataclasses

import pytest

from prm_jax import errors
from prm_jax.labelling import balance, reannotation
from tests.labelling import chains

HARD = chains.label([0, 0, 1], [8, 8, 1], problem_id="a")
EASY = chains.label([4, 0, 1], [8, 8, 1], problem_id="b")
STRONG = dataclasses.replace(HARD, n_correct=(6, 2, 1), completer="strong")
CONFIG = balance.Config()


def test_hard_solutions():
  assert reannotation.is_hard(HARD)
  assert not reannotation.is_hard(EASY)
  assert not reannotation.is_hard(chains.label([0], [1]))
  found = reannotation.relabel([HARD, EASY], [STRONG], CONFIG)
  first, second = found.labels
  assert (first.completer, first.n_correct) == ("strong", (6, 2, 1))
  assert first.extra["replaced"] == {
    "completer": "completer", "n_correct": [0, 0, 1], "n_total": [8, 8, 1]
  }  # fmt: skip
  assert second.n_correct == EASY.n_correct
  assert (found.told["hard"], found.told["replaced"]) == (1, 1)
  # .75 .25 1 and .5 0 1: four values from 1/2 on, two below.
  assert (found.told["positives"], found.told["negatives"]) == (4, 2)
  assert found.told["positives_kept"] == 2


def test_without_a_stronger_completer():
  found = reannotation.relabel([HARD, EASY], None, CONFIG)
  assert (found.told["hard"], found.told["replaced"]) == (1, 0)
  with pytest.raises(errors.UserError, match="other: labels none of the hard"):
    reannotation.relabel([HARD], [EASY], CONFIG)
