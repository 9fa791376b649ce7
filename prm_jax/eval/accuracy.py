"""Accuracy of selection rules over the samples of a problem, per problem.

Expectations over the random k-subset of the n samples that were drawn, in
closed form, so no further sampling noise is added. Everything returns one
number per problem, [p], for `bootstrap.accuracy`.
"""

import fractions
import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Num, Shaped

from prm_jax.eval import subsets
from prm_jax.search import votes

Correct = Bool[np.ndarray, "p n"]


def pass_at_k(
  num_samples: int, num_correct: Int[np.ndarray, "p"], k: int
) -> Float[np.ndarray, "p"]:
  """P(some of k samples is correct), unbiased (arXiv 2107.03374).

  1 - C(n - c, k) / C(n, k) = 1 - prod_{i = n-c+1..n} (1 - k / i)
  """
  _check_subset(k, num_samples)
  wrong = num_samples - num_correct[..., None]
  i = np.arange(1, num_samples + 1)
  factors = np.where(i > wrong, 1 - np.minimum(k / i, 1), 1.0)
  return 1 - factors.prod(-1)


def best_of_k(
  scores: Num[np.ndarray, "p n"], correct: Shaped[np.ndarray, "p n"], k: int
) -> Float[np.ndarray, "p"]:
  """PRM@k: P(the top score of k samples is correct).

  With any number in place of `correct`, the expectation of that number.

  With the samples sorted by falling score, the i-th of n (from 1) is the best
  of a random k-subset with probability C(n - i, k - 1) / C(n, k). Equal scores
  go to the lowest index, as in the search.
  """
  num_samples = correct.shape[1]
  _check_subset(k, num_samples)
  order = np.argsort(-scores, axis=1, kind="stable")
  subsets = math.comb(num_samples, k)
  worse = range(num_samples - 1, -1, -1)  # samples below each, from the best
  wins = np.array([math.comb(w, k - 1) / subsets for w in worse])
  return np.take_along_axis(correct, order, axis=1) @ wins


def majority_at_k(
  answers: Sequence[Sequence[str | None]], correct: Correct, k: int
) -> Float[np.ndarray, "p"]:
  """maj@k: P(the most frequent answer of k samples is correct).

  Ties are broken at random with equal chances; a sample without an answer
  (`None`) does not vote; without a vote the problem counts as not solved.

  Args:
    answers: [p][n] canonical answers; equal strings are equal answers.
    correct: [p, n], the same for equal answers.
    k: votes.
  """
  _check_subset(k, correct.shape[1])
  return np.array(
    [
      _majority(row, flags, k)
      for row, flags in zip(answers, correct, strict=True)
    ],
    float,
  )


def table(
  correct: Correct,
  ks: Sequence[int],
  *,
  answers: Sequence[Sequence[str | None]] | None = None,
  scores: Mapping[str, Num[np.ndarray, "p n"]] | None = None,
  rules: Mapping[str, votes.Rule] | None = None,
) -> dict[str, Float[np.ndarray, "p"]]:
  """All rules on the same samples.

  They are named `pass@k`, `maj@k`, `prm@k/{verifier}` and, over at most 1,000
  subsets, `{rule}@k/{verifier}`.

  Args:
    correct: [p, n].
    ks: numbers of samples, each <= n.
    answers: [p][n] for the votes; without it there are none.
    scores: by verifier, [p, n].
    rules: by name, votes that use scores.
  """
  num_samples = correct.shape[1]
  ids = None if answers is None else votes.answer_ids(answers)
  found = {}
  for k in ks:
    found[f"pass@{k}"] = pass_at_k(num_samples, correct.sum(1), k)
    if answers is not None:
      found[f"maj@{k}"] = majority_at_k(answers, correct, k)
    for name, values in (scores or {}).items():
      found[f"prm@{k}/{name}"] = best_of_k(values, correct, k)
      if ids is not None and rules:
        some = subsets.draw(num_samples, k)
        for title, rule in rules.items():
          voted = subsets.vote(rule, ids, values, correct, some)
          found[f"{title}@{k}/{name}"] = voted
  return found


def _check_subset(k: int, num_samples: int) -> None:
  if not 1 <= k <= num_samples:
    raise ValueError(f"k is {k}, outside 1..{num_samples}, the samples drawn")


def _majority(
  answers: Sequence[str | None], correct: Bool[np.ndarray, "n"], k: int
) -> float:
  sizes = Counter(a for a in answers if a is not None)
  silent = len(answers) - sizes.total()
  right = {
    a for a, c in zip(answers, correct, strict=True) if c and a is not None
  }
  wins = fractions.Fraction(0)
  for answer in right:
    others = [size for a, size in sizes.items() if a != answer]
    wins += _winning_subsets(sizes[answer], others, silent, k)
  return float(wins / math.comb(len(answers), k))


def _winning_subsets(
  size: int, others: list[int], silent: int, k: int
) -> fractions.Fraction:
  """k-subsets in which an answer wins, a tie of t answers counting 1 / t.

  For every number of votes j of the answer: the subsets in which all others
  have at most j, counted by `ways[ties, drawn]` over the other answers.
  """
  total = fractions.Fraction(0)
  for j in range(1, min(size, k) + 1):
    rest = k - j
    ways = np.zeros((rest // j + 1, rest + 1), dtype=object)
    ways[0] = [math.comb(silent, i) for i in range(rest + 1)]
    for other in others:
      grown = np.zeros_like(ways)
      for i in range(min(other, j, rest) + 1):
        more = math.comb(other, i) * ways[:, : rest + 1 - i]
        if i == j:
          grown[1:, i:] += more[:-1]
        else:
          grown[:, i:] += more
      ways = grown
    shares = (fractions.Fraction(w, t + 1) for t, w in enumerate(ways[:, rest]))
    total += math.comb(size, j) * sum(shares)
  return total
