"""Completions as noisy annotators of correctness (after SCAN, 2509.16548).

"Any of N correct" misses right steps nobody completes, and lets pass wrong
ones that somebody saves. With V known both rates are; as a matrix T[true,
observed] they allow the usual corrections of a loss (arXiv 1609.03683):
forward, T^t p in the place of p, or backward, T^-1 applied to the losses.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import counts


@dataclasses.dataclass(frozen=True)
class Config:
  """Known rates.

  Attributes:
    missed: P(no completion is correct | the step is right).
    lucky: P(some completion is correct | the step is wrong).
    prior: P(a step is right); 0: estimated from the labels' share of class 1.
    threshold: of the classes of counts, see `rollouts.RolloutConfig`.
  """

  missed: float = 0.1
  lucky: float = 0.1
  prior: float = 0.0
  threshold: float = 0.0

  def __post_init__(self):
    for name in ("missed", "lucky", "prior"):
      value = getattr(self, name)
      if not 0 <= value <= 1:
        raise errors.UserError(f"method.{name}: {value} is no probability")
    if self.missed + self.lucky >= 1:
      raise errors.UserError(
        "method.missed, method.lucky: they add up to 1 or more, so that labels "
        "say nothing"
      )


def missed(value: float, num: int) -> float:
  """P(none of `num` completions is correct) of a right step worth `value`."""
  return (1 - value) ** num


def lucky(value: float, num: int) -> float:
  """P(any of `num` is correct) of a wrong step worth `value`."""
  return 1 - (1 - value) ** num


def transition(missed: float, lucky: float) -> Float[np.ndarray, "2 2"]:
  """T[true, observed], wrong first."""
  return np.array([[1 - lucky, lucky], [missed, 1 - missed]])


def observed_law(
  law: Float[np.ndarray, "*n 2"], matrix: Float[np.ndarray, "2 2"]
) -> Float[np.ndarray, "*n 2"]:
  """Forward correction: the law of labels from that of the truth."""
  return law @ matrix


def corrected_losses(
  losses: Float[np.ndarray, "*n 2"], matrix: Float[np.ndarray, "2 2"]
) -> Float[np.ndarray, "*n 2"]:
  """Backward correction of the losses of each observed class.

  Their mean over noisy labels is that of `losses` over true ones.
  """
  return losses @ np.linalg.inv(matrix).T


def prior_of(share: float, matrix: Float[np.ndarray, "2 2"]) -> float:
  """P(right) from the share of labels of class 1, clipped to [0, 1]."""
  wrong, right = matrix[:, 1]
  return float(np.clip((share - wrong) / (right - wrong), 0.0, 1.0))


def posterior(
  prior: float, matrix: Float[np.ndarray, "2 2"]
) -> Float[np.ndarray, "2"]:
  """P(right | class 0), P(right | class 1); the prior of a class never seen."""
  joint = np.array([1 - prior, prior])[:, None] * matrix
  total = joint.sum(0)
  seen = total > 0
  return np.where(seen, joint[1] / np.where(seen, total, 1.0), prior)


def relabel(
  labels: Sequence[records.StepLabels], config: Config
) -> counts.Relabelled:
  """Probabilities that steps are right, given the classes of completions."""
  classes = [counts.classes(label, config.threshold) for label in labels]
  known = [value for own in classes for value in own if value is not None]
  if not known:
    raise errors.UserError("labels[0]: no step of any record has a label")
  matrix = transition(config.missed, config.lucky)
  share = float(np.mean(known))
  prior = config.prior or prior_of(share, matrix)
  right = posterior(prior, matrix).tolist()
  found = [
    dataclasses.replace(
      label,
      hard=None,
      soft=tuple(None if value is None else right[value] for value in own),
      first_error=None,
    )
    for label, own in zip(labels, classes, strict=True)
  ]
  told = {"share": share, "prior": prior, "right_given_class": right}
  return counts.Relabelled(found, told)
