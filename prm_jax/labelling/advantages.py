"""Values of a base policy and advantages of a prover (PAV, arXiv 2410.08146).

The effective reward of a step is Q^pi + alpha A^mu, with A^mu the difference
of the prover's consecutive values. Over a solution the advantages add up to
its outcome less the prover's pass@1: what they carry is where, not how much.
The prover is another policy, whose labels are a second file, or the best of K
samples of the base policy, Q = 1 - (1 - Q^pi)^K.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Float
from scipy import special

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import balance, counts

ADVANTAGE, EFFECTIVE, BASE, PROVER = "advantage", "effective", "base", "prover"
START = "start"  # in `extra`: what `soft` would say of the bare problem
_Key: TypeAlias = tuple[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class Config:
  """Choices of the method.

  Attributes:
    best_of: K of the prover that is the best of K samples; of no matter where
      the prover has labels of its own.
    estimate: of 1 - (1 - V)^K from n completions: "unbiased", the share of
      sets of K among them with a correct one (needs n >= K, else as the
      other), or "plug_in", with the share in the place of V.
    alpha: weight of the advantage; 0.2 to 0.6 in search, 3 to 5 in learning.
    target: what a verifier is trained on: the values of the "prover" or of
      the "base", one file each, or the "effective" reward, brought from
      [-alpha, 1 + alpha] to [0, 1].
    until_pit: prefixes behind the first without a correct completion of the
      prover are not trained on.
    balanced: values below 1/2 and from there on are equal in number.
    seed: of the labels that are left out for it.
  """

  best_of: int = 4
  estimate: Literal["unbiased", "plug_in"] = "unbiased"
  alpha: float = 0.5
  target: Literal["prover", "base", "effective"] = "prover"
  until_pit: bool = True
  balanced: bool = True
  seed: int = 0

  def __post_init__(self):
    if self.best_of < 1:
      raise errors.UserError("method.best_of: must be at least 1")
    if self.alpha < 0:
      raise errors.UserError("method.alpha: must not be negative")


def best_of(
  values: Float[np.ndarray, "*k"], num: int
) -> Float[np.ndarray, "*k"]:
  """Q of the best of `num` samples, 1 - (1 - Q)^num."""
  return 1 - (1 - values) ** num


def advantages(
  values: Float[np.ndarray, "k"], start: float
) -> Float[np.ndarray, "k"]:
  """A of each step, V_k - V_{k-1}; NaN where one of the two is not known."""
  return np.diff(values, prepend=start)


def effective(
  base: Float[np.ndarray, "*k"],
  advantage: Float[np.ndarray, "*k"],
  alpha: float,
) -> Float[np.ndarray, "*k"]:
  """Q^pi + alpha A^mu."""
  return base + alpha * advantage


def pit(values: Float[np.ndarray, "k"]) -> int | None:
  """Index of the first step whose value is 0."""
  zeros = np.flatnonzero(values == 0)
  return int(zeros[0]) if len(zeros) else None


def relabel(
  labels: Sequence[records.StepLabels],
  prover: Sequence[records.StepLabels] | None,
  config: Config,
) -> counts.Relabelled:
  """Soft labels for one verifier, and advantages in `extra`.

  Args:
    labels: of the base policy.
    prover: of another policy, for the same solutions; None: the best of K.
    config: see there.

  Returns:
    Records with the counts of the policy that is the target (the base's for
    "effective" and the best of K); `extra` has `base` and `prover` (values),
    `advantage` and `effective`, null where not known, and `start`, the bare
    problem's value on the scale of `soft`, with no advantage. `told` counts the
    solutions without a partner, which are left out, labels behind a pit,
    counts too small for the unbiased estimate, and what balancing left out.

  Raises:
    UserError: no solution has a partner.
  """
  others = None if prover is None else _by_steps(prover)
  told: collections.Counter[str] = collections.Counter(
    dict.fromkeys(("unmatched", "behind_pit", "plugged_in"), 0)
  )
  found = []
  for label in labels:
    other = label if others is None else others.get(_key(label))
    if other is None:
      told["unmatched"] += 1
      continue
    found.append(_one(label, other, others is None, config, told))
  if not found:
    raise errors.UserError("other: labels none of the input's solutions")
  if not config.balanced:
    return counts.Relabelled(found, dict(told))
  made = balance.relabel(found, balance.Config(seed=config.seed))
  return counts.Relabelled(made.labels, {**told, **made.told})


def _one(
  label: records.StepLabels,
  other: records.StepLabels,
  is_best_of: bool,
  config: Config,
  told: collections.Counter[str],
) -> records.StepLabels:
  base, values = counts.shares(label), counts.shares(other)
  base_start, start = counts.pass_at_1(label), counts.pass_at_1(other)
  if is_best_of:
    total = np.array(label.n_total)
    values = _of_counts(label.n_correct, total, config)
    told["plugged_in"] += int(
      ((total > 1) & (total < config.best_of)).sum()
      if config.estimate == "unbiased"
      else (total > 0).sum()
    )
    if (root := counts.root(other)) is not None:
      start = float(_of_counts([root[0]], np.array([root[1]]), config)[0])
  gained = advantages(values, start)
  reward = effective(base, gained, config.alpha)
  scaled = lambda worth: (worth + config.alpha) / (1 + 2 * config.alpha)
  soft, prompt = {
    "prover": (values, start),
    "base": (base, base_start),
    "effective": (scaled(reward), scaled(base_start)),
  }[config.target]
  first = pit(counts.shares(other))
  behind = np.arange(len(soft)) > (len(soft) if first is None else first)
  if config.until_pit:
    told["behind_pit"] += int((behind & ~np.isnan(soft)).sum())
    soft = np.where(behind, np.nan, soft)
  kept = other if config.target == "prover" else label
  extra: dict[str, Any] = {**kept.extra, BASE: _listed(base)}
  extra |= {PROVER: _listed(values), ADVANTAGE: _listed(gained)}
  extra |= {EFFECTIVE: _listed(reward), "best_of": config.best_of}
  extra[START] = None if np.isnan(prompt) else float(prompt)
  if not is_best_of:
    extra |= {"best_of": None, "completers": [label.completer, other.completer]}
  # Sums of rounded numbers may leave [0, 1] by a hair.
  clipped = np.clip(soft, 0.0, 1.0)
  return dataclasses.replace(
    kept, hard=None, soft=tuple(_listed(clipped)), first_error=None, extra=extra
  )


def _of_counts(
  n_correct: Sequence[int], total: np.ndarray, config: Config
) -> np.ndarray:
  """Q of the best of K; a single completion is an answer, right or wrong."""
  correct = np.array(n_correct)
  share = np.where(total > 0, correct / np.maximum(total, 1), np.nan)
  plugged = np.where(np.isnan(share), np.nan, best_of(share, config.best_of))
  if config.estimate == "plug_in":
    return plugged
  num = config.best_of
  all_sets = np.maximum(special.binom(total, num), 1.0)
  unbiased = 1 - special.binom(total - correct, num) / all_sets
  return np.where(total >= num, unbiased, plugged)


def _key(label: records.StepLabels) -> _Key:
  return label.problem_id, counts.steps(label)


def _by_steps(
  labels: Sequence[records.StepLabels],
) -> Mapping[_Key, records.StepLabels]:
  return {_key(label): label for label in labels}


def _listed(values: np.ndarray) -> list[float | None]:
  """For JSON, which has no NaN."""
  return [None if np.isnan(v) else float(v) for v in values]
