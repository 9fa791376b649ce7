"""Any vote over k of the n samples that were drawn, per problem.

Where a rule has no closed form its expectation over the random k-subset is a
mean over subsets: all of them if they are few, else some at random.
"""

import itertools
import math
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, Num

from prm_jax.search import votes

Subsets: TypeAlias = Int[np.ndarray, "s k"]

MOST = 1_000


def draw(
  num_samples: int, k: int, *, most: int = MOST, seed: int = 0
) -> Subsets:
  """All k-subsets, or `most` random ones where they are more.

  The order of the samples is kept, so that ties still go to the first. For
  the first k samples of one large run take `np.arange(k)[None]` instead.
  """
  if not 1 <= k <= num_samples:
    raise ValueError(f"k is {k}, outside 1..{num_samples}, the samples drawn")
  if math.comb(num_samples, k) <= most:
    return np.array(list(itertools.combinations(range(num_samples), k)))
  rng = np.random.default_rng(seed)
  shuffled = rng.permuted(np.tile(np.arange(num_samples), (most, 1)), axis=1)
  return np.sort(shuffled[:, :k], axis=1)


def vote(
  rule: votes.Rule,
  answers: Int[np.ndarray, "p n"],
  scores: Num[np.ndarray, "p n"],
  correct: Bool[np.ndarray, "p n"],
  subsets: Subsets,
) -> Float[np.ndarray, "p"]:
  """P(the rule's choice among the samples of a subset is correct).

  Args:
    rule: `(answers, scores) -> rows`, such as `votes.weighted`.
    answers: ids, see `votes.answer_ids`.
    scores: by the verifier.
    correct: of each sample.
    subsets: of the samples, the same for every problem.
  """
  choose = jax.jit(rule)
  found = np.zeros(len(correct))
  for i in range(len(correct)):  # one at a time: a vote is k^2 in memory
    chosen = choose(
      jnp.asarray(answers[i][subsets]),
      jnp.asarray(scores[i][subsets], jnp.float32),
    )
    which = np.take_along_axis(subsets, np.asarray(chosen)[:, None], axis=1)
    found[i] = correct[i][which].mean()
  return found
