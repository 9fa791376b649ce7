"""A random prefix-tree policy whose value is known at every prefix."""

from typing import NamedTuple

import numpy as np


class PrefixTree(NamedTuple):
  """All sequences of a policy over `n` tokens and `depth` steps."""

  prefix: np.ndarray  # [leaves, depth] index of the prefix that ends at t
  prob: np.ndarray  # [leaves] probability of the sequence
  reward: np.ndarray  # [leaves] 0 or 1
  value: np.ndarray  # [prefixes] V of each prefix, the empty one left out


def make(seed: int, n: int = 3, depth: int = 4, policy_seed: int = 0):
  """Rewards from `seed`, policy from `(seed, policy_seed)`."""
  rng = np.random.default_rng([seed, policy_seed])
  policy = [rng.dirichlet(np.ones(n), size=n**d) for d in range(depth)]
  rewards = np.random.default_rng(seed).random(n**depth) < 0.4
  values = [rewards.astype(float)]
  for step in reversed(policy):
    values.insert(0, (step * values[0].reshape(-1, n)).sum(-1))
  leaf = np.arange(n**depth)
  prob = np.ones(n**depth)
  columns, start = [], 0
  for d in range(1, depth + 1):
    node = leaf // n ** (depth - d)
    prob = prob * policy[d - 1].reshape(-1)[node]
    columns.append(start + node)
    start += n**d
  value = np.concatenate(values[1:])
  return PrefixTree(np.stack(columns, 1), prob, rewards.astype(float), value)
