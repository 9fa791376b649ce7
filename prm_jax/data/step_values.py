"""What a record of step labels says about each step."""

import numpy as np

from prm_jax.data import records


def values(label: records.StepLabels) -> tuple[np.ndarray, np.ndarray]:
  """Labels of the steps, and which steps have one.

  Classes (`hard`) where given, else probabilities (`soft`), else the share of
  successes; a step without completions has none.

  Returns:
    int32 (classes) or float32 [k], and bool [k].
  """
  given = label.hard if label.hard is not None else label.soft
  if given is not None:
    kind = np.int32 if label.hard is not None else np.float32
    supervised = np.array([value is not None for value in given], bool)
    return np.array([value or 0 for value in given], kind), supervised
  total = np.array(label.n_total, np.int32)
  shares = np.array(label.n_correct) / np.maximum(total, 1)
  return shares.astype(np.float32), total > 0


def until_error(label: records.StepLabels) -> np.ndarray:
  """bool [k]: not behind the first error, where labelling stopped."""
  count = len(label.n_total)
  first = label.first_error
  return np.arange(count) <= (count if first in (None, -1) else first)
