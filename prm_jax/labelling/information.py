"""What a step tells about the outcome (after arXiv 2508.20395).

H_k is the entropy of the answer given the first k steps, and H_{k-1} - H_k
what step k tells of it. Here the answer is what completions show: right or
not, with probability V. So H = h(V), which falls towards either end, and the
surprisal of the right answer is -log V, which falls only on the way to it. The
mean of a step's gain over the policy is a mutual information, not negative,
and over a solution the means add up to the entropy of the bare problem; the
gain of one step may be negative.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import special

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import counts

# What a record gets in `extra`: bits per step, null where not known.
ENTROPY, GAIN, SURPRISAL = "entropy", "entropy_gain", "surprisal"


@dataclasses.dataclass(frozen=True)
class Config:
  """Choices of the method.

  Attributes:
    prior: completions added to the right and to the wrong ones of a prefix;
      with 0, entropies of few completions are too low and some surprisals
      infinite, which become null.
  """

  prior: float = 0.5

  def __post_init__(self):
    if self.prior < 0:
      raise errors.UserError("method.prior: must not be negative")


def entropy(values: Float[np.ndarray, "k"]) -> Float[np.ndarray, "k"]:
  """h(V) in bits, NaN of NaN."""
  return (special.entr(values) + special.entr(1 - values)) / np.log(2)


def surprisal(values: Float[np.ndarray, "k"]) -> Float[np.ndarray, "k"]:
  """-log2 V."""
  with np.errstate(divide="ignore"):
    return -np.log2(values)


def gains(
  entropies: Float[np.ndarray, "k"], start: float
) -> Float[np.ndarray, "k"]:
  """H_{k-1} - H_k of each step; NaN where one of the two is not known."""
  return -np.diff(entropies, prepend=start)


def relabel(
  labels: Sequence[records.StepLabels], config: Config
) -> counts.Relabelled:
  """Labels as they are, with entropies and surprisals in `extra`.

  Returns:
    `told` is that of `summarise`.

  Raises:
    UserError: counts of the bare problem that are none.
  """
  found = []
  for index, label in enumerate(labels):
    try:
      root = counts.root(label)
    except errors.UserError as error:
      raise errors.UserError(f"labels[{index}].{error}") from error
    values = _values(label, config)
    start = np.nan if not (root and root[1]) else _smooth(*root, config.prior)
    bits = entropy(values)
    own = gains(bits, entropy(np.array([start])).item())
    told = {
      ENTROPY: plain(bits),
      GAIN: plain(own),
      SURPRISAL: plain(surprisal(values)),
    }
    extra = {**label.extra, **told}
    found.append(dataclasses.replace(label, extra=extra))
  return counts.Relabelled(found, summarise(found, GAIN))


def summarise(
  labels: Sequence[records.StepLabels], name: str
) -> dict[str, Any]:
  """What the gains under this name in `extra` are like.

  Returns:
    `gains`, how many are known; `negative_gains`, the share of these that is
    negative; `mean_gain` by outcome: "right", "wrong", "unknown".
  """
  by_outcome: dict[str, list[float]] = {
    outcome: [] for outcome in ("right", "wrong", "unknown")
  }
  for label in labels:
    ended = counts.outcome(label)
    outcome = "unknown" if ended is None else "right" if ended else "wrong"
    by_outcome[outcome] += [x for x in label.extra[name] if x is not None]
  every = list(itertools.chain.from_iterable(by_outcome.values()))
  return {
    "gains": len(every),
    "negative_gains": counts.mean([gain < 0 for gain in every]),
    "mean_gain": {k: counts.mean(own) for k, own in by_outcome.items()},
  }


def _smooth(num_correct: int, num_total: int, prior: float) -> float:
  return (num_correct + prior) / (num_total + 2 * prior)


def _values(
  label: records.StepLabels, config: Config
) -> Float[np.ndarray, "k"]:
  """V of each prefix; an answer that was judged leaves nothing open."""
  found = np.full(len(label.n_total), np.nan)
  for k, (right, total) in enumerate(
    zip(label.n_correct, label.n_total, strict=True)
  ):
    if total:
      found[k] = _smooth(right, total, config.prior)
  ended = counts.outcome(label)
  if ended is not None:
    found[-1] = float(ended)
  return found


def plain(values: Float[np.ndarray, "k"]) -> list[Any]:
  """As JSON has it: null of what is not finite."""
  return [float(v) if np.isfinite(v) else None for v in values]
