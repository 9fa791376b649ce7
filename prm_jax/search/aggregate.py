"""One score per solution from the scores of its steps.

Each rule takes `scores [..., T]` and `num_steps [...]`; padded steps are the
rule's identity, so neither their content nor their number matters. A row
without any step scores 0 by every rule.

min is Math-Shepherd's (arXiv 2312.08935), product and min are compared in
Let's Verify Step by Step (arXiv 2305.20050), last in arXiv 2408.03314. A
verifier that reads a whole solution once and says one number is `last`.

Products and sums favour few steps (or many, of positive log-odds); min, mean,
last, mean_logit, mean_odd and geometric_mean do not depend on the number of
equal steps.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from prm_jax import errors, masked

StepScores: TypeAlias = Float[Array, "*d T"]
NumSteps: TypeAlias = Int[Array, "*d"]
Score: TypeAlias = Float[Array, "*d"]

# Keeps logs and log-odds finite; a probability that is 1 in float32 may be
# 1 - 1e-8. Machine epsilon instead would make one such step outweigh all
# others, and every resampling by it an argmax.
CLIP = 1e-7


def last(scores: StepScores, num_steps: NumSteps) -> Score:
  """The score of the last step: for a value, that of the whole solution."""
  index = jnp.maximum(num_steps - 1, 0)[..., None]
  value = jnp.take_along_axis(scores, index, axis=-1)[..., 0]
  return jnp.where(num_steps > 0, value, 0)


def min(scores: StepScores, num_steps: NumSteps) -> Score:
  """The weakest step."""
  value = masked.min(scores, step_mask(scores, num_steps))
  return jnp.where(num_steps > 0, value, 0)


def max(scores: StepScores, num_steps: NumSteps) -> Score:
  """The strongest step."""
  value = masked.max(scores, step_mask(scores, num_steps))
  return jnp.where(num_steps > 0, value, 0)


def product(scores: StepScores, num_steps: NumSteps) -> Score:
  """Probability that all steps hold, as exp of a sum of logs; scores >= 0."""
  total = jnp.sum(_logs(scores, num_steps), axis=-1)
  return jnp.where(num_steps > 0, jnp.exp(total), 0)


def geometric_mean(scores: StepScores, num_steps: NumSteps) -> Score:
  """The product's share of one step: the number of steps is no matter."""
  total = jnp.sum(_logs(scores, num_steps), axis=-1)
  share = jnp.exp(total / jnp.maximum(num_steps, 1))
  return jnp.where(num_steps > 0, share, 0)


def mean(scores: StepScores, num_steps: NumSteps) -> Score:
  """The average step."""
  return masked.mean(scores, step_mask(scores, num_steps))


def sum(scores: StepScores, num_steps: NumSteps) -> Score:
  """The sum, for instance of log-probabilities."""
  return jnp.sum(jnp.where(step_mask(scores, num_steps), scores, 0), axis=-1)


def sum_logit(scores: StepScores, num_steps: NumSteps) -> Score:
  """Log of the product of odds; scores are probabilities."""
  mask = step_mask(scores, num_steps)
  return jnp.sum(jnp.where(mask, logit(scores), 0), axis=-1)


def mean_logit(scores: StepScores, num_steps: NumSteps) -> Score:
  """Average log-odds; scores are probabilities."""
  return masked.mean(logit(scores), step_mask(scores, num_steps))


def mean_odd(scores: StepScores, num_steps: NumSteps) -> Score:
  """Average odds p / (1 - p), of clipped probabilities (arXiv 2410.01729)."""
  odds = jnp.exp(logit(scores))
  return masked.mean(odds, step_mask(scores, num_steps))


def logit(scores: Float[Array, "*d"]) -> Float[Array, "*d"]:
  """Log-odds of a probability clipped to [CLIP, 1 - CLIP]: at most 16.1.

  The log-odds are clipped, not the score: 1 - CLIP is not a float32.
  """
  bound = math.log(1 / CLIP - 1)
  scores = jnp.clip(scores, 0, 1)
  return jnp.clip(jnp.log(scores) - jnp.log1p(-scores), -bound, bound)


RULES: dict[str, Callable[[Array, Array], Array]] = {
  "last": last,
  "min": min,
  "max": max,
  "product": product,
  "geometric_mean": geometric_mean,
  "mean": mean,
  "sum": sum,
  "sum_logit": sum_logit,
  "mean_logit": mean_logit,
  "mean_odd": mean_odd,
}


def by_name(name: str) -> Callable[[Array, Array], Array]:
  """The rule of that name."""
  if name not in RULES:
    raise errors.UserError(
      f"aggregate: unknown rule {name!r}, choose from {', '.join(RULES)}"
    )
  return RULES[name]


def step_mask(scores: StepScores, num_steps: NumSteps) -> Bool[Array, "*d T"]:
  """True for the steps that were written."""
  return jnp.arange(scores.shape[-1]) < num_steps[..., None]


def _logs(scores: StepScores, num_steps: NumSteps) -> StepScores:
  """0 beyond the steps."""
  mask = step_mask(scores, num_steps)
  return jnp.log(jnp.where(mask, jnp.maximum(scores, 0), 1))
