"""The algorithms once more, in plain Python on prefixes as tuples.

They follow the papers' listings, not the code under test: lists of rows, one
row after the other, no buffers, no masks.
"""

import functools
import itertools
import math

import numpy as np

from tests.search import tabular


def best_of_n_law(num):
  """P(y) = F(S(y))^N - F(S(y)-)^N, all scores being different."""
  prob = np.array([s.prob for s in tabular.solutions()])
  order = np.argsort([s.scores[-1] for s in tabular.solutions()])
  upper = np.cumsum(prob[order])
  law = np.empty_like(prob)
  law[order] = np.diff(np.concatenate([[0], upper]) ** num)
  return law


def assert_law(codes, law):
  """Frequencies of solutions are within 4.5 standard errors of `law`."""
  frequency = (codes[:, None] == tabular.codes()).mean(axis=0)
  np.testing.assert_allclose(frequency.sum(), 1)
  bound = 4.5 * np.sqrt(law * (1 - law) / len(codes)) + 4.5 / len(codes)
  assert (np.abs(frequency - law) < bound).all()


def assert_mean(values, expected):
  """The mean is within 4.5 standard errors of `expected`."""
  error = np.mean(values) - expected
  assert abs(error) < 4.5 * np.std(values) / np.sqrt(len(values))


@functools.cache
def aggregate_of(name, prefix):
  scores = [tabular.prm(prefix[: i + 1]) for i in range(len(prefix))]
  return {"last": lambda s: s[-1], "min": min}[name](scores)


def beam_law(width, branch, aggregate="last"):
  """Exact law of a step beam's solution: {prefix: probability}."""

  def fork(rows, copies):
    score = [aggregate_of(aggregate, row) for row in rows]
    order = sorted(
      range(len(rows)), key=lambda n: (copies[n], -score[n], n)
    )  # sorted is stable, copies of finished rows come last
    parents = [n for n in order[:width] for _ in range(branch)]
    rows = tuple(rows[n] for n in parents)
    copies = tuple(
      tabular.done(row) and n % branch > 0 for n, row in enumerate(rows)
    )
    return rows, copies

  @functools.cache
  def law(rows, copies, step):
    choices = [
      [(row, 1.0)]
      if tabular.done(row)
      else [((*row, a), p) for a, p in enumerate(tabular.policy(row).tolist())]
      for row in rows
    ]
    total: dict = {}
    for outcome in itertools.product(*choices):
      prob = math.prod(p for _, p in outcome)
      written = tuple(row for row, _ in outcome)
      if step == tabular.LENGTH or all(map(tabular.done, written)):
        best = max(written, key=lambda row: aggregate_of(aggregate, row))
        ends = {best: 1.0}
      else:
        ends = law(*fork(written, copies), step + 1)
      for row, p in ends.items():
        total[row] = total.get(row, 0) + prob * p
    return total

  num = width * branch
  return law(((),) * num, (False,) * num, 1)


def beam_trace(uniforms, width, branch):
  """Final rows of one beam whose tokens are drawn from `uniforms` [T, N]."""
  rows = [()] * (width * branch)
  copies = [False] * len(rows)
  for step, drawn in enumerate(uniforms):
    rows = [extend(row, u) for row, u in zip(rows, drawn, strict=True)]
    if step == len(uniforms) - 1 or all(map(tabular.done, rows)):
      break
    order = sorted(
      range(len(rows)), key=lambda n: (copies[n], -tabular.prm(rows[n]))
    )
    rows = [rows[n] for n in order[:width] for _ in range(branch)]
    copies = [
      tabular.done(row) and n % branch > 0 for n, row in enumerate(rows)
    ]
  return rows, copies


def extend(row, uniform):
  """One token by inverse CDF, unless the row is finished."""
  if tabular.done(row):
    return row
  cumulative = np.cumsum(tabular.policy(row))
  cumulative[-1] = 1
  return (*row, int(np.searchsorted(cumulative, uniform, side="right")))


POTENTIALS = {
  "last": lambda r, previous: np.log(r),
  "odds": lambda r, previous: np.log(r / (1 - r)),
  "difference": lambda r, previous: np.log(r / previous),
}


def resample(scheme, weights, uniforms):
  """Parents by the textbook formulas; `weights` are normalised."""
  num = len(uniforms)
  ranks = np.arange(num)
  if scheme == "residual":
    whole = np.floor(num * weights + 1e-9).astype(int)
    rest = num - whole.sum()
    left = np.maximum(num * weights - whole, 0)
    drawn = np.searchsorted(
      np.cumsum(left), uniforms[:rest] * left.sum(), side="right"
    )
    return np.sort(np.concatenate([np.repeat(ranks, whole), drawn]))
  points = {
    "multinomial": np.sort(uniforms),
    "stratified": (ranks + uniforms) / num,
    "systematic": (ranks + uniforms[0]) / num,
  }[scheme]
  return np.searchsorted(np.cumsum(weights), points, side="right")


def particle_trace(uniforms, draws, threshold, scheme, potential):
  """One particle filter on given uniforms.

  Args:
    uniforms: [T, N] for the tokens.
    draws: [T, N] for the resampling after each step.
    threshold: resample where the effective sample size is below it.
    scheme: name of the resampling scheme.
    potential: name of the potential.

  Returns:
    rows, log-weights, log-evidence, effective sample sizes, ancestors.
  """
  num = uniforms.shape[1]
  rows, weights, evidence = [()] * num, np.ones(num), 1.0
  sizes, ancestors = [], []
  for step, drawn in enumerate(uniforms):
    if all(map(tabular.done, rows)):  # the selection left none to write
      break
    written = [extend(row, u) for row, u in zip(rows, drawn, strict=True)]
    for n, (old, new) in enumerate(zip(rows, written, strict=True)):
      if old != new:
        before = tabular.prm(old) if old else 1.0
        gain = POTENTIALS[potential](tabular.prm(new), before)
        weights[n] *= np.exp(gain)
    rows = written
    sizes.append(weights.sum() ** 2 / (weights**2).sum())
    if step == len(uniforms) - 1 or all(map(tabular.done, rows)):
      break
    parents = np.arange(num)
    if sizes[-1] < threshold:
      evidence *= weights.mean()
      parents = resample(scheme, weights / weights.sum(), draws[step])
      weights = np.ones(num)
    rows = [rows[n] for n in parents]
    ancestors.append(parents)
  evidence *= weights.mean()
  return rows, np.log(weights), np.log(evidence), sizes, ancestors
