"""Entropies of the outcome, exactly on random prefix trees."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import information
from tests.labelling import chains
from tests.objectives import prefix_tree


def kl(p, q):
  """Of Bernoulli variables, in bits."""
  terms = [
    np.where(a > 0, a * np.log2(np.where(a > 0, a, 1) / b), 0)
    for a, b in ((p, q), (1 - p, 1 - q))
  ]
  return sum(terms)


@pytest.mark.parametrize("seed", range(5))
def test_mean_gains_are_mutual_information(seed):
  """E1: I(outcome; step | prefix), which add up to the problem's entropy."""
  tree = prefix_tree.make(seed)
  values = tree.value[tree.prefix]  # [leaves, depth], the last the reward
  start = float(tree.prob @ tree.reward)
  bits = information.entropy(np.array([start])).item()
  own = np.stack(
    [information.gains(information.entropy(row), bits) for row in values]
  )
  before = np.concatenate([np.full((len(values), 1), start), values[:, :-1]], 1)
  sure = (before == 0) | (before == 1)
  told = np.where(sure, 0, kl(values, np.where(sure, 0.5, before)))
  mean = tree.prob @ own
  np.testing.assert_allclose(mean, tree.prob @ told, atol=1e-12)
  assert (mean >= -1e-12).all()
  np.testing.assert_allclose(mean.sum(), bits, atol=1e-12)
  assert own.min() < 0  # of one step it may be


def test_records():
  given = [
    chains.label((1, 0, 0), (2, 0, 1), root=(1, 4)),
    chains.label((2, 2, 1), (2, 2, 1)),
  ]
  made, told = information.relabel(given, information.Config(prior=0.0))
  h = 2 - 0.75 * np.log2(3)  # of 1/4
  extra = made[0].extra
  assert extra["entropy"] == [1.0, None, 0.0]
  np.testing.assert_allclose(extra["entropy_gain"][0], h - 1)
  assert extra["entropy_gain"][1:] == [None, None]
  assert extra["surprisal"] == [1.0, None, None]
  assert made[1].extra["surprisal"] == [0.0, 0.0, 0.0]
  assert made[1].extra["entropy_gain"] == [None, 0.0, 0.0]
  assert told["gains"] == 3
  np.testing.assert_allclose(told["negative_gains"], 1 / 3)
  np.testing.assert_allclose(told["mean_gain"]["wrong"], h - 1)
  smooth, _ = information.relabel(given, information.Config())
  expected = -np.log2([2.5 / 3, 2.5 / 3, 1])
  np.testing.assert_allclose(smooth[1].extra["surprisal"], expected)
  for before, after in zip(given, made, strict=True):
    assert after.n_correct == before.n_correct
    assert after.n_total == before.n_total


def test_mistakes():
  with pytest.raises(errors.UserError, match=r"method\.prior"):
    information.Config(prior=-1.0)
  bad = chains.label((1,), (1,), extra={"root": {"n_correct": 1}})
  with pytest.raises(errors.UserError, match=r"labels\[0\]\.extra\.root"):
    information.relabel([bad], information.Config())
