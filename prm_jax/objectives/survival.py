"""Where the first error is, as a hazard (CRM, arXiv:2509.26578).

The output at step t is the log-odds of h(t) = P(first error at t | none
before). The survival S(t) = prod_{k <= t} (1 - h(k)) is the probability that
the solution is right so far, S(T) that it is right.
"""

from typing import Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int

from prm_jax import metrics
from prm_jax.objectives import reduction

Array = jax.Array
Variant: TypeAlias = Literal["proper", "reported"]
UNKNOWN = -1


def log_survival(
  logits: Float[Array, "n k"], is_step: Bool[Array, "n k"]
) -> Float[Array, "n k"]:
  """log S(t). Its differences, log(1 - h(t)), are the step rewards."""
  logits = reduction.at_least_float32(logits)
  stays = jnp.where(is_step, jax.nn.log_sigmoid(-logits), 0.0)
  return jnp.cumsum(stays, axis=1)


def loss(
  logits: Float[Array, "n k"],
  is_step: Bool[Array, "n k"],
  correct: Bool[Array, "n"],
  first_error: Int[Array, "n"],
  *,
  variant: Variant = "proper",
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """The likelihood of outcomes and of first errors, where they are known.

  A right solution gives -log S(T). A wrong one whose first error is not known
  gives -log(1 - S(T)). One whose first error z is known gives -log p(z), p(z)
  = h(z) S(z - 1), in the variant "proper"; "reported" adds -log(1 - S(T)) to
  that, which counts the solution as wrong twice: the survival it converges to
  is c / (c + (1 + f)(1 - c)) for a probability c and a share f of known
  errors.

  Args:
    logits: [n, k] of the hazards.
    is_step: [n, k], False for padding; a row without steps has no loss.
    correct: [n] the outcome.
    first_error: [n] index from 0, -1 if unknown; of no matter where correct.
    variant: see above.

  Returns:
    The mean over solutions that have steps, and the metrics `loss` and
    `survival`.

  Raises:
    ValueError: another variant.
  """
  if variant not in get_args(Variant):
    raise ValueError(f"variant {variant!r} is not one of {get_args(Variant)}")
  survived = log_survival(logits, is_step)
  whole = survived[:, -1]
  # log(1 - S) by way of expm1; of a row without steps S is 1.
  fails = jnp.log(jnp.maximum(-jnp.expm1(whole), jnp.finfo(whole.dtype).tiny))
  known = (first_error != UNKNOWN) & ~correct
  index = jnp.maximum(first_error, 0)[:, None]
  pick = lambda x: jnp.take_along_axis(x, index, axis=1)[:, 0]
  hazard = jax.nn.log_sigmoid(reduction.at_least_float32(logits))
  before = pick(survived - jax.nn.log_sigmoid(-logits) * is_step)
  located = pick(hazard) + before
  wrong = jnp.where(known, located, fails)
  if variant == "reported":
    wrong = jnp.where(known, wrong + fails, wrong)
  each = -jnp.where(correct, whole, wrong)
  there = jnp.any(is_step, axis=1).astype(each.dtype)
  found = reduction.weighted(each, there)
  survival = reduction.weighted(jnp.exp(whole), there)
  return found, {"loss": found, "survival": survival}
