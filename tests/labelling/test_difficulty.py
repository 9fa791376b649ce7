"""Samples until enough are right: counts, batches, chances."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import difficulty
from prm_jax.tasks import base as tasks

Config = difficulty.Config
RATES = {"easy": 0.9, "middle": 0.5, "hard": 0.1, "never": 0.0}
PROBLEMS = [tasks.Problem(name, "t", name, "1") for name in RATES]


class Sampler:
  """Right with the problem's rate, by draw."""

  def __init__(self, seed=0):
    self.seed, self.batches = seed, []

  def __call__(self, problems, draws):
    self.batches.append(list(zip([p.id for p in problems], draws, strict=True)))
    return [
      records.Solution(
        problem.id,
        (f"draw {draw % 3}",),
        correct=tasks.hash_key(f"{self.seed} {problem.id} {draw}")
        < RATES[problem.id],
      )
      for problem, draw in zip(problems, draws, strict=True)
    ]


def run(seed=0, **options):
  sampler = Sampler(seed)
  found = difficulty.sample(PROBLEMS, sampler, Config(**options))
  return {one.problem.id: one for one in found}, sampler


def test_uniform():
  found, sampler = run(num=4, batch=8, max_samples=64)
  assert [len(one.right) for one in found.values()] == [4, 4, 4, 0]
  assert found["never"].num_samples == 64
  assert found["easy"].num_samples == 8
  drawn = [pair for batch in sampler.batches for pair in batch]
  assert len(drawn) == len(set(drawn))  # no draw twice
  assert sum(one.num_samples for one in found.values()) == len(drawn)
  assert len(sampler.batches[0]) == 32
  for one in found.values():
    assert all(s.correct for s in one.right)


def test_in_proportion_to_difficulty():
  found, _ = run(rule="difficulty", num=8, probe=64, max_samples=128)
  # Fail rates of about .1, .5, .9 and 1 over the largest, 1.
  assert [one.wanted for one in found.values()] == [1, 4, 7, 8]
  assert [len(one.right) for one in found.values()] == [1, 4, 7, 0]
  rates = np.array([0.1, 0.5, 0.0])
  assert difficulty.wanted(rates, 10, "difficulty").tolist() == [2, 10, 1]
  assert difficulty.wanted(np.zeros(2), 10, "difficulty").tolist() == [1, 1]


def test_a_problem_without_verdicts_is_not_the_hardest():
  """Else the middle one would get half of what it gets."""

  def sample(problems, draws):
    return [
      records.Solution(
        problem.id,
        (f"draw {draw}",),
        correct=None if problem.id == "never" else draw % 2 == 0,
      )
      for problem, draw in zip(problems, draws, strict=True)
    ]

  config = Config(rule="difficulty", num=8, probe=16, max_samples=64)
  found = difficulty.sample([PROBLEMS[1], PROBLEMS[3]], sample, config)
  assert [one.wanted for one in found] == [8, 0]
  assert [one.num_samples for one in found] == [16, 16]
  told = difficulty.summarise(found)
  assert (told["unjudged"], told["fewer"], told["kept"]) == (1, 0, 8)


def test_samples_needed_follow_the_negative_binomial():
  """One by one, n right ones need n / p samples in the mean."""
  config = Config(num=2, batch=1, max_samples=1000)
  needed = [
    difficulty.sample(PROBLEMS[1:2], Sampler(seed), config)[0].num_samples
    for seed in range(60)
  ]
  sigma = np.sqrt(2 * 0.5 / 0.25)
  assert abs(np.mean(needed) - 4) <= 4.5 * sigma / np.sqrt(60)


def test_distinct():
  found, _ = run(num=4, batch=8, max_samples=64, distinct=True)
  assert len(found["easy"].right) == 3  # there are no more
  assert found["easy"].num_samples == 64


def test_mistakes():
  with pytest.raises(errors.UserError, match=r"difficulty\.batch: must be"):
    Config(batch=0)
