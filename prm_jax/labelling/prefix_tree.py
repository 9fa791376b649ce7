"""Values of token prefixes from the prefix tree of sampled solutions.

A solution is a path in the tree of its problem; a node knows how many paths
pass through it and how many of those end correct. Their ratio labels the
prefix: TVM (arXiv 2407.12863, eq. 1), and the P2T values of TEMPO (arXiv
2509.18314) for a group of responses. Given n >= 1 visits the ratio is an
unbiased estimate of V(prefix) with variance V (1 - V) / n.

On the same samples the full-batch gradient is that of outcome labels at
every token (OVM): sum over paths (f - z) = visits (f - ratio). So the two
differ only by minibatches, by removing duplicates and by weights, which are
options of `token_values` and of `data.pipeline` (`order="problem"`).
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from prm_jax import errors
from prm_jax.data import examples as examples_lib


@dataclasses.dataclass(frozen=True)
class Samples:
  """Sampled sequences of many problems, end to end.

  Attributes:
    tokens: int64 [total] ids after the prompt (or ids of whole steps).
    offsets: int64 [n + 1]; sample i is `tokens[offsets[i]:offsets[i + 1]]`.
    problems: int64 [n] problem of each sample, 0 .. problems - 1.
    outcomes: [n] 1 for a correct sample, 0 for an incorrect one.
  """

  tokens: np.ndarray
  offsets: np.ndarray
  problems: np.ndarray
  outcomes: np.ndarray

  @property
  def lengths(self) -> np.ndarray:
    """int64 [n]."""
    return np.diff(self.offsets)

  def take(self, indices: np.ndarray) -> "Samples":
    """The given samples, in the given order."""
    offsets = examples_lib.starts(self.lengths[indices])
    source = examples_lib.spread(self.offsets[indices], offsets)
    return Samples(
      *(self.tokens[source], offsets),
      *(self.problems[indices], self.outcomes[indices]),
    )


@dataclasses.dataclass(frozen=True)
class Counts:
  """Counts of the tree nodes along every sample.

  Attributes:
    n_correct: [total] correct samples through the prefix that ends here.
    n_total: int64 [total] samples through it, this one included.
    root_correct: [n] the same for the empty prefix of the sample's problem.
    root_total: int64 [n].
  """

  n_correct: np.ndarray
  n_total: np.ndarray
  root_correct: np.ndarray
  root_total: np.ndarray


def from_sequences(
  sequences: Sequence[Sequence[int] | np.ndarray],
  outcomes: Sequence[bool] | Sequence[int] | np.ndarray,
  problems: Sequence[int] | Sequence[str] | np.ndarray,
) -> Samples:
  """Puts sampled sequences end to end.

  Raises:
    UserError: the three differ in length, or there is no sample.
  """
  if not len(sequences) == len(outcomes) == len(problems):
    raise errors.UserError(
      f"samples: {len(sequences)} sequences, {len(outcomes)} outcomes and "
      f"{len(problems)} problems"
    )
  if not len(sequences):
    raise errors.UserError("samples: there are none")
  lengths = np.array([len(sequence) for sequence in sequences], np.int64)
  tokens = np.concatenate([np.asarray(s, np.int64) for s in sequences])
  _, number = np.unique(np.asarray(problems), return_inverse=True)
  return Samples(
    *(tokens, examples_lib.starts(lengths)),
    *(number.astype(np.int64), np.asarray(outcomes)),
  )


def count(samples: Samples) -> Counts:
  """Visits and correct visits of every prefix of every sample.

  Goes down the tree one depth at a time: samples share a node if they shared
  the one above and have the same token, which one sort of integer keys
  finds. A sample alone in its node stays alone and needs no more sorting, so
  long solutions cost little more than their shared beginnings.
  """
  node, root_correct, root_total = _count_nodes(
    samples.problems, samples.outcomes
  )
  n_correct = np.repeat(samples.outcomes, samples.lengths)
  if n_correct.dtype == np.bool_:
    n_correct = n_correct.astype(np.int64)
  n_total = np.ones(len(samples.tokens), np.int64)
  vocabulary = int(samples.tokens.max(initial=0)) + 1
  active = np.arange(len(samples.problems))
  depth = 0
  while True:
    together = np.bincount(node)[node] > 1
    together &= samples.lengths[active] > depth
    active, node = active[together], node[together]
    if not len(active):
      return Counts(n_correct, n_total, root_correct, root_total)
    place = samples.offsets[active] + depth
    node, n_correct[place], n_total[place] = _count_nodes(
      node * vocabulary + samples.tokens[place], samples.outcomes[active]
    )
    depth += 1


def distinct(samples: Samples) -> np.ndarray:
  """int64 [m] ascending: the first sample of each group of identical ones.

  Dropping the others changes the distribution that labels are values of;
  see `token_values.TreeConfig`.
  """
  seen: set[tuple[int, bytes]] = set()
  first = []
  spans = zip(samples.offsets[:-1], samples.offsets[1:], strict=True)
  for index, (start, end) in enumerate(spans):
    response = samples.tokens[start:end].tobytes()
    key = (int(samples.problems[index]), response)
    if key not in seen:
      seen.add(key)
      first.append(index)
  return np.array(first, np.int64)


def leave_one_out(samples: Samples, counts: Counts) -> Counts:
  """Counts of the other samples only; `n_total` 0 where there is none."""
  own = np.repeat(samples.outcomes, samples.lengths).astype(
    counts.n_correct.dtype
  )
  return Counts(
    *(counts.n_correct - own, counts.n_total - 1),
    counts.root_correct - samples.outcomes.astype(counts.root_correct.dtype),
    counts.root_total - 1,
  )


def statistics(
  samples: Samples, counts: Counts
) -> Mapping[str, float | list[float]]:
  """How much the tree says beyond the outcome of each sample.

  Returns:
    `shared_token_fraction`, tokens whose prefix another sample has too;
    and by depth (index 0 = first token), means over the samples that are
    long enough: `label_entropy` in bits of n_correct / n_total, and
    `fraction_positive`, the mean label.
  """
  depth = examples_lib.spread(np.zeros_like(samples.lengths), samples.offsets)
  reached = np.bincount(depth)
  label = counts.n_correct / counts.n_total
  entropy = np.zeros(len(label))
  for share in (label, 1 - label):
    entropy -= share * np.log2(np.where(share > 0, share, 1))
  return {
    "shared_token_fraction": float(np.mean(counts.n_total > 1)),
    "label_entropy": (np.bincount(depth, entropy) / reached).tolist(),
    "fraction_positive": (np.bincount(depth, label) / reached).tolist(),
  }


def _count_nodes(
  keys: np.ndarray, outcomes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Node number, correct and total samples of the node, each per sample."""
  _, node, total = np.unique(keys, return_inverse=True, return_counts=True)
  correct = np.bincount(node, outcomes)
  if outcomes.dtype.kind in "bui":
    correct = np.rint(correct).astype(np.int64)
  return node, correct[node], total[node]
