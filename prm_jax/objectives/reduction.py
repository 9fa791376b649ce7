"""How losses at positions become one number: sums first, one division last.

A weight of 0 means «not supervised». The relative weights choose the
reduction: 1 at every supervised position is the mean over tokens, one over
the number of supervised positions of the sequence is the mean over sequences
of the mean over tokens. `per_sequence` is the mean over sequences of the sum.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import ArrayLike, Float, Shaped

from prm_jax import metrics

Array = jax.Array


def hide(
  values: Shaped[Array, "..."], weights: Float[Array, "*b t"]
) -> Shaped[Array, "..."]:
  """Puts 0 where nothing is supervised, before any arithmetic.

  `values` is [*b, t] or [*b, t, ...].

  Multiplying by the weight afterwards would let a NaN of a padding position
  through, into the loss or (through `where`) into the gradient.
  """
  keep = weights != 0
  keep = keep.reshape(keep.shape + (1,) * (values.ndim - keep.ndim))
  return jnp.where(keep, values, jnp.zeros((), values.dtype))


def at_least_float32(values: Float[Array, "*any"]) -> Float[Array, "*any"]:
  """Losses are summed in float32 even when the model computes in bfloat16."""
  return values.astype(jnp.promote_types(values.dtype, jnp.float32))


def weighted(
  values: Shaped[Array, "*b t"], weights: Float[Array, "*b t"]
) -> metrics.Mean:
  """The weighted mean of finite per-position values, not yet divided."""
  return metrics.Mean(jnp.sum(values * weights), jnp.sum(weights))


def per_sequence(mean: metrics.Mean, num_sequences: ArrayLike) -> metrics.Mean:
  """Divides by the sequences instead of the positions: sums over tokens.

  The gradient of a sequence then grows with its length, as in OVM (arXiv
  2311.09724); the minimiser of a tabular head does not move.
  """
  return metrics.Mean(mean.total, num_sequences)


def with_auxiliary(
  main: tuple[metrics.Mean, Mapping[str, metrics.Mean]],
  auxiliary: tuple[metrics.Mean, Mapping[str, metrics.Mean]],
  *,
  coefficient: ArrayLike,
  prefix: str,
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """Adds a second objective, for example language modelling to a value loss.

  The two sums are added before dividing and the main count divides both:
  `(main.total + coefficient * auxiliary.total) / main.count`. That is
  `main + coefficient * auxiliary.count / main.count * auxiliary` in means. It
  is the one form that adds up exactly over micro-batches and devices, where
  the ratio of the counts is known only at the end. Where both read the same
  positions the counts agree and it is the plain weighted sum of means.

  Args:
    main: loss and metrics of the main objective.
    auxiliary: loss and metrics of the second one.
    coefficient: weight of one unit of the auxiliary sum.
    prefix: put before the names of the auxiliary metrics, `{prefix}_{name}`.

  Returns:
    The joint loss; the metrics of both, with `loss` the joint loss and
    `main_loss` the main one alone.
  """
  (loss, own), (extra, others) = main, auxiliary
  joint = metrics.Mean(loss.total + coefficient * extra.total, loss.count)
  renamed = {f"{prefix}_{name}": mean for name, mean in others.items()}
  return joint, {**own, "main_loss": loss, **renamed, "loss": joint}


def sum_of_means(
  main: tuple[metrics.Mean, Mapping[str, metrics.Mean]],
  other: tuple[metrics.Mean, Mapping[str, metrics.Mean]],
  *,
  coefficient: ArrayLike,
  prefix: str,
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """main + coefficient * other, each divided by its own count.

  For objectives that are defined so, whose parts count other things. It is a
  loss of the batch, with count 1: micro-batches are batches of their own.

  Args:
    main: loss and metrics.
    other: likewise.
    coefficient: of the other.
    prefix: before the names of the other's metrics.
  """
  (loss, own), (extra, others) = main, other
  total = loss.compute() + coefficient * extra.compute()
  renamed = {f"{prefix}_{name}": mean for name, mean in others.items()}
  joint = metrics.Mean(total, jnp.ones_like(total))
  return joint, {**own, "main_loss": loss, **renamed, "loss": joint}
