"""Sequential revisions in several chains (Snell et al., arXiv 2408.03314).

Every attempt of a chain is written with the last few before it in view. A
rule of `search.votes` chooses within each chain, then among the chosen.
One chain of k is k - 1 rounds of self-refinement, k chains of one are
parallel samples.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from prm_jax.data import records
from prm_jax.search import votes
from prm_jax.solvers import writing
from prm_jax.tasks import base as tasks


class Chains(NamedTuple):
  """All attempts of all chains."""

  attempts: list[list[list[records.Solution]]]  # [n][chains][length]
  spent: list[writing.Spent]  # [n]


def revise(
  problems: Sequence[tasks.Problem],
  *,
  write_fn: writing.WriteFn,
  num_chains: int,
  length: int,
  context: int = 4,
) -> Chains:
  """Writes the chains, all of them an attempt at a time.

  Args:
    problems: [n].
    write_fn: is shown the attempts before.
    num_chains: in parallel.
    length: attempts of each.
    context: so many of the last attempts are shown.
  """
  if min(num_chains, length) < 1 or context < 0:
    raise ValueError("num_chains and length must be positive, context >= 0")
  attempts: list[list[list[records.Solution]]]
  attempts = [[[] for _ in range(num_chains)] for _ in problems]
  spent = [writing.Spent() for _ in problems]
  for turn in range(length):
    places = [(i, c) for i in range(len(problems)) for c in range(num_chains)]
    prompts = [
      writing.Prompt(
        problems[i],
        seen=tuple(attempts[i][c][max(turn - context, 0) :]),
        draw=c * length + turn,
      )
      for i, c in places
    ]
    for (i, c), new in zip(places, write_fn(prompts), strict=True):
      attempts[i][c].append(new.solution)
      spent[i] += new.spent
  return Chains(attempts, spent)


def choose(
  chains: Chains,
  scores: Float[np.ndarray, "n chains length"],
  rule: votes.Rule,
) -> Int[np.ndarray, "n 2"]:
  """(chain, attempt) of each problem: within chains, then across them.

  Args:
    chains: the attempts.
    scores: what the rule weighs attempts by.
    rule: applied to each chain, and to what it chose of the chains.
  """
  n, num_chains, length = scores.shape
  flat = [chain for row in chains.attempts for chain in row]
  within = writing.vote(flat, scores.reshape(-1, length), rule)
  within = within.reshape(n, num_chains)
  best = [
    [chain[k] for chain, k in zip(row, own, strict=True)]
    for row, own in zip(chains.attempts, within, strict=True)
  ]
  own_scores = np.take_along_axis(scores, within[..., None], axis=2)[..., 0]
  across = writing.vote(best, own_scores, rule)
  return np.stack([across, within[np.arange(n), across]], axis=1)
