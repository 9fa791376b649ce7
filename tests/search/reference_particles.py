"""Particle methods once more, in plain Python on prefixes as tuples."""

import math

import jax
import numpy as np

from tests.search import reference, tabular


def posterior(weight):
  """Normaliser and law of p * weight(solution), in `solutions()` order."""
  found = tabular.solutions()
  mass = np.array([s.prob * weight(s) for s in found])
  return mass.sum(), mass / mass.sum()


def unnormalised(output, values):
  """Z-hat and Z-hat * sum_i w_i f_i of each run."""
  evidence = np.exp(np.asarray(output.log_evidence, np.float64))
  # No weight at all is no evidence: the estimate is 0.
  weights = np.nan_to_num(jax.nn.softmax(output.log_weight, axis=1))
  return evidence, evidence * (weights * np.asarray(values)).sum(axis=1)


def assert_unbiased(output, normaliser, expectation):
  """Of Z and of Z E[correct]."""
  correct = tabular.correct(output.embedding)
  evidence, estimate = unnormalised(output, correct)
  reference.assert_mean(evidence, normaliser)
  reference.assert_mean(estimate, normaliser * expectation)


def history(row):
  return [tabular.prm(row[: i + 1]) for i in range(len(row))]


def fk_gain(kind, strength):
  """log G of the last step of a row, from the paper's table."""

  def before_end(rewards):
    if kind == "difference":
      return rewards[-1] - (rewards[-2] if len(rewards) > 1 else 0)
    rule = {"max": max, "sum": sum, "reward": lambda r: r[-1]}
    return 0 if kind == "terminal" else rule[kind](rewards)

  def gain(row):
    rewards = history(row)
    if kind == "difference" or not tabular.done(row):
      return strength * before_end(rewards)
    spent = [before_end(rewards[:t]) for t in range(1, len(rewards))]
    return strength * (rewards[-1] - sum(spent))

  return gain


def twist_gain(power):
  """sqrt(r_t) / sqrt(r_{t-1}) and r_T / sqrt(r_{T-1}) for power 1/2."""

  def gain(row):
    rewards = [1.0, *history(row)]
    top = rewards[-1] if tabular.done(row) else rewards[-1] ** power
    return math.log(top / rewards[-2] ** power)

  return gain


def odds_gain(row):
  r = tabular.prm(row)
  return math.log(r / (1 - r))


def entropic_temperature(rule, weights, spent):
  """The published code's rule, progress in thresholds of one half."""
  p = weights / weights.sum()
  size = 1 / (len(p) * (p**2).sum())
  if size >= 0.5 or spent >= 0.5:
    return 1.0
  relative = -(p * np.log(p)).sum() / np.log(len(p))
  return max(
    1.0,
    {
      "ess": (1 - spent) / size,
      "entropy": 1 / (relative + (1 - relative) * spent),
      "base": 2 - spent,
    }[rule],
  )


def selection_draws(num, rows):
  """The uniforms [num, T, rows] of the documented selection keys."""

  @tabular.jit
  @jax.vmap
  def drawn(key):
    steps = [
      jax.random.fold_in(jax.random.fold_in(key, step), 2**31 - 1)
      for step in range(tabular.LENGTH)
    ]
    return [jax.random.uniform(step, (rows,)) for step in steps]

  return np.stack(drawn(tabular.keys(num)), axis=1)


def trace(
  uniforms,
  draws,
  gain,
  *,
  scheme="systematic",
  threshold=math.inf,
  allowed=lambda step, times: True,
  temperature=lambda weights, spent: 1.0,
  keep=True,
):
  """One filter on given uniforms [T, N]: rows, log-weights, log-evidence.

  Args:
    uniforms: for the tokens.
    draws: for the resampling.
    gain: log G of the step that a row has just written.
    scheme: of `reference.resample`.
    threshold: of the effective sample size.
    allowed: whether step `step` may be followed by resampling.
    temperature: of the draw.
    keep: the weights that a tempered draw has not used.
  """
  num = uniforms.shape[1]
  rows, weights, evidence, times = [()] * num, np.ones(num), 1.0, 0
  for step, drawn in enumerate(uniforms):
    if all(map(tabular.done, rows)):
      break
    for n, row in enumerate(rows):
      if not tabular.done(row):
        rows[n] = reference.extend(row, drawn[n])
        weights[n] *= math.exp(gain(rows[n]))
    if step == len(uniforms) - 1 or all(map(tabular.done, rows)):
      break
    size = weights.sum() ** 2 / (weights**2).sum()
    if size < threshold and allowed(step, times):
      times += 1
      spent = (step + 1) / len(uniforms)
      flat = weights ** (1 / temperature(weights, spent))
      flat /= flat.mean()
      parents = reference.resample(scheme, flat / flat.sum(), draws[step])
      evidence *= weights.mean()
      left = weights / weights.mean() / flat
      weights = left[parents] if keep else np.ones(num)
      rows = [rows[n] for n in parents]
  return rows, np.log(weights), math.log(evidence * weights.mean())


def assert_trace(output, script, rows, **options):
  """Every problem of a scripted run is what `trace` finds."""
  draws = selection_draws(len(script), rows)
  for n, uniforms in enumerate(script):
    found, weights, evidence = trace(uniforms, draws[n], **options)
    np.testing.assert_array_equal(
      output.embedding["code"][n], [tabular.encode(row) for row in found]
    )
    np.testing.assert_allclose(output.log_weight[n], weights, atol=2e-4)
    np.testing.assert_allclose(output.log_evidence[n], evidence, atol=2e-4)


def scripted(method, rows=6, num=40):
  """A run of `method` on a script of uniforms, and the script."""
  rng = np.random.default_rng(0)
  script = rng.random((num, tabular.LENGTH, rows)).astype(np.float32)

  @tabular.jit
  def run():
    return method(
      (tabular.table(), jax.numpy.asarray(script)),
      tabular.keys(num),
      tabular.root(num, rows),
      tabular.scripted_step_fn,
      max_steps=tabular.LENGTH,
    )

  return jax.device_get(run()), script
