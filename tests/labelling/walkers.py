"""Policies that write the rest of a solution on the host, of known values."""

import hashlib
import json

import numpy as np

from prm_jax.solvers import rollouts
from prm_jax.tasks import chain


def _rng(seed, problem, steps):
  """What is written depends on problem and steps alone."""
  text = json.dumps([seed, problem.id, *steps])
  digest = hashlib.sha256(text.encode()).digest()
  return np.random.default_rng(int.from_bytes(digest[:8], "big"))


class ChainWalker:
  """The chain's generator goes on from any prefix; `seen` lists the calls."""

  def __init__(self, task, num, seed=0):
    self.task, self.num, self.seed, self.seen = task, num, seed, []

  def __call__(self, problems, steps):
    pairs = list(zip(problems, steps, strict=True))
    self.seen.append([(problem.id, tuple(s)) for problem, s in pairs])
    return [self._rows(*pair) for pair in pairs]

  def _rows(self, problem, steps):
    rng = _rng(self.seed, problem, steps)
    found = []
    for _ in range(self.num):
      rest = self._go_on(problem, steps, rng)
      correct = self.task.verify(problem, [*steps, *rest]).correct
      found.append(rollouts.Rollout(tuple(rest), 4 * len(rest), correct))
    return found

  def _go_on(self, problem, steps, rng):
    config, terms = self.task.config, problem.meta["terms"]
    judged = chain.judge(problem, steps)
    written = judged[-1].written if judged else terms[0]
    ok, rest = not judged or judged[-1].ok, []
    for k in range(len(steps) + 1, len(terms)):
      added, true = [written, terms[k]], sum(terms[: k + 1]) % config.modulus
      if ok and rng.random() < config.error_rate:
        written, ok = (true + int(rng.integers(1, 10))) % 10, False
      elif not ok and rng.random() < config.recovery_rate:
        added, written, ok = terms[: k + 1], true, True
      else:
        written = sum(added) % config.modulus
      rest.append(f"{' + '.join(map(str, added))} = {written}")
    answer = written if ok else int(rng.integers(config.modulus))
    return [*rest, f"= {answer}"]


class TreeWalker:
  """E1: a random policy over a tree of tokens, leaves right or wrong."""

  def __init__(self, num, size=3, depth=5, seed=0):
    rng = np.random.default_rng(seed)
    shape = lambda d: (size,) * d
    self.num, self.seed, self.depth, self.seen = num, seed, depth, []
    self.policy = [rng.dirichlet(np.ones(size), shape(d)) for d in range(depth)]
    self.values = [(rng.random(shape(depth)) < 0.4).astype(float)]
    for pi in reversed(self.policy):
      self.values.insert(0, (pi * self.values[0]).sum(-1))

  def value(self, steps):
    return float(self.values[len(steps)][tuple(map(int, steps))])

  def __call__(self, problems, steps):
    pairs = list(zip(problems, steps, strict=True))
    self.seen.append([(problem.id, tuple(s)) for problem, s in pairs])
    return [self._rows(*pair) for pair in pairs]

  def _rows(self, problem, steps):
    rng = _rng(self.seed, problem, steps)
    found = []
    for _ in range(self.num):
      path = list(map(int, steps))
      for d in range(len(steps), self.depth):
        chances = self.policy[d][tuple(path)]
        path.append(int(rng.choice(len(chances), p=chances)))
      rest = tuple(map(str, path[len(steps) :]))
      correct = self.values[self.depth][tuple(path)] > 0
      found.append(rollouts.Rollout(rest, 3 * len(rest), bool(correct)))
    return found
