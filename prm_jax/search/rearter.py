"""Scores of early steps, corrected by what is found behind them."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from prm_jax.search import aggregate


def corrected(
  scores: Float[Array, "*d K"],
  num_scores: Int[Array, "*d"],
  alpha: float = 0.5,
  least_gain: float = 0.05,
) -> Float[Array, "*d"]:
  """ReARTeR's temporal-difference correction (2501.07861), for `lookahead`.

  With l_0 .. l_k the log-odds of a step's score and of those of the steps
  rolled out behind it, u the first step after which they grow by less than
  `least_gain` and one more, or k, and backwards from u - 1

    l_t <- l_t + alpha (l_{t+1} - l_t),

  the score is that of l_0: without an early stop a geometric average,
  sum_{j<k} (1 - alpha) alpha^j l_j + alpha^k l_k. Steps behind u are written
  all the same, as the others of the batch may need them.

  Args:
    scores: probabilities.
    num_scores: how many there are of each, at least 1.
    alpha: 0 is the step's own score, 1 that of step u.
    least_gain: in log-odds; -inf never stops early.
  """
  logits = aggregate.logit(scores)
  places = jnp.arange(scores.shape[-1])
  gains = logits[..., 1:] - logits[..., :-1]
  last = num_scores[..., None] - 1
  small = (gains < least_gain) & (places[:-1] < last)
  first = jnp.argmax(small, axis=-1) + 1
  stop = jnp.where(jnp.any(small, axis=-1), first, last[..., 0])
  value = logits[..., -1]
  for place in reversed(range(scores.shape[-1] - 1)):
    own = logits[..., place]
    value = jnp.where(place < stop, own + alpha * (value - own), own)
  return jax.nn.sigmoid(value)
