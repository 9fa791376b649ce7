"""Judges against the truth of the chain; votes against exact sums."""

import dataclasses
import itertools

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import judges
from tests.labelling import chains

TASK = chains.TASK
Noise = judges.Noise


@pytest.fixture(scope="module")
def given():
  return chains.solutions(250)


def verdicts(judge, given):
  problems, steps = zip(*given, strict=True)
  return [own.verdicts for own in judges.ask(judge, problems, steps)]


def hits(judge, given, only=None):
  """Of each step, whether the verdict is the truth."""
  truth = verdicts(judges.Oracle(TASK), given)
  pairs = zip(verdicts(judge, given), truth, strict=True)
  return np.array(
    [
      a == b
      for own, true in pairs
      for a, b in zip(own, true, strict=True)
      if only is None or b == only
    ]
  )


def near(found, share):
  error = 4.5 * np.sqrt(share * (1 - share) / len(found))
  return abs(found.mean() - share) <= error


def test_the_oracle_is_the_truth(given):
  problem, steps = given[0]
  (own,) = judges.Oracle(TASK)([problem], [steps])
  assert list(map(bool, own.verdicts)) == TASK.oracle(problem, steps).valid
  assert all(hits(judges.Noisy(TASK, Noise(accuracy=1.0)), given))


def test_accuracies(given):
  assert near(hits(judges.Noisy(TASK, Noise(accuracy=0.8)), given), 0.8)
  judge = judges.Noisy(TASK, Noise(accuracy=0.9, accuracy_wrong=0.6))
  assert near(hits(judge, given, only=1), 0.9)
  assert near(hits(judge, given, only=0), 0.6)


def test_reverse_verification(given):
  judge = judges.Noisy(TASK, Noise(accuracy=0.7, reverse_accuracy=0.95))
  wrong = [x for x in given if not TASK.verify(*x).correct]
  right = [x for x in given if TASK.verify(*x).correct]
  # A prefix that solutions of both kinds share may be judged twice.
  assert near(hits(judge, wrong), 0.95)
  assert near(hits(judge, right), 0.7)


def test_what_is_said_is_a_matter_of_the_prefix(given):
  judge = judges.Noisy(TASK, Noise(accuracy=0.7))
  assert verdicts(judge, given[::-1])[::-1] == verdicts(judge, given)
  problem, steps = next(x for x in given if TASK.verify(*x).correct)
  (whole,) = verdicts(judge, [(problem, steps)])
  (part,) = verdicts(judge, [(problem, steps[:2])])
  assert part == whole[:2]
  other = judges.Noisy(TASK, Noise(accuracy=0.7, seed=1))
  assert verdicts(other, given) != verdicts(judge, given)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 1.0])
def test_correlation_of_errors(given, correlation):
  noise = Noise(accuracy=0.7, correlation=correlation)
  first, second = (
    hits(judges.Noisy(TASK, noise, name), given) for name in "ab"
  )
  both = correlation * 0.21 + 0.49
  assert near(first & second, both)
  if correlation == 1:
    assert (first == second).all()


@pytest.mark.parametrize("correlation", [0.0, 0.4])
def test_accuracy_of_a_vote(given, correlation):
  noise = Noise(accuracy=0.7, correlation=correlation)
  members = [judges.Noisy(TASK, noise, str(i)) for i in range(5)]
  exact = judges.vote_accuracy(0.7, 5, correlation)
  assert near(hits(judges.Ensemble(members), given), exact)


def test_closed_form_of_a_vote():
  """All outcomes of three judges, by hand."""
  a, c, total = 0.8, 0.25, 0.0
  for shared, *rest in itertools.product((0, 1), repeat=7):
    mixes, own = rest[:3], rest[3:]
    chance = a if shared else 1 - a
    for right in own:
      chance *= 0.5 * (a if right else 1 - a)  # sqrt(c) = 1/2
    heard = [shared if m else o for m, o in zip(mixes, own, strict=True)]
    total += chance * (sum(heard) >= 2)
  assert judges.vote_accuracy(a, 3, c) == pytest.approx(total)
  assert judges.vote_accuracy(a, 5, 1.0) == pytest.approx(a)
  assert judges.vote_accuracy(a, 3, 0.0) == pytest.approx(0.896)
  with pytest.raises(ValueError, match="may tie"):
    judges.vote_accuracy(a, 2, 0.0)


def test_votes_and_ties():
  said = [(1, 1, None, None), (1, 0, 0, None), (0, None, None, None)]
  assert judges.vote(said) == (1, None, 0, None)
  assert judges.vote(said, "wrong") == (1, 0, 0, None)
  assert judges.vote(said, "right") == (1, 1, 0, None)


def test_labels_of_a_judge(given):
  labels = chains.counted(given[:50], 4)
  problems = [p for p, _ in given[:50]]
  found = judges.relabel(labels, problems, judges.Oracle(TASK))
  truth = verdicts(judges.Oracle(TASK), given[:50])
  assert [one.hard for one in found.labels] == truth
  firsts = [t.index(0) if 0 in t else -1 for t in truth]
  assert [one.first_error for one in found.labels] == firsts
  assert [x.n_correct for x in found.labels] == [x.n_correct for x in labels]
  assert found.told["right"] == sum(map(sum, truth))
  silent = judges.Noisy(TASK, Noise(unknown=1.0))
  found = judges.relabel(labels, problems, silent)
  assert found.told["unknown"] == sum(len(one.steps) for one in labels)
  assert found.told["wrong"] == 0
  assert found.labels[0].first_error is None


def test_mistakes(given):
  problem, steps = given[0]
  short = lambda problems, given: [judges.Judgement((1,))]
  with pytest.raises(errors.UserError, match="judge: 1 verdicts on 5 steps"):
    judges.ask(short, [problem], [steps])
  with pytest.raises(errors.UserError, match=r"judge\.accuracy: 2\.0"):
    dataclasses.replace(Noise(), accuracy=2.0)
