"""What a step tells a language model about the reference answer (2508.20395).

For the answer Y and the context C_k, the question and the first k steps, H_k
is the mean over Y's tokens of the entropy of the inspector's law q, each given
the true tokens before it; H_{k-1} - H_k is the gain of step k, which may be
negative. The surprisal -log q(Y | C_k), summed over Y's tokens, is another
quantity: a model that is sure of a wrong answer has low entropy and high
surprisal. Both need the reference answer, so they are no verifier, but a study
of one. The form that takes the outcome for the answer is `information`.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from prm_jax.data import records
from prm_jax.labelling import counts, information
from prm_jax.solvers import inspector

# What a record gets in `extra`: bits per step, null where not read.
ENTROPY, GAIN = "answer_entropy", "answer_entropy_gain"
SURPRISAL = "answer_surprisal"
# And of the whole: the bare problem's two, the model, and what was read.
INSPECTION, START = "inspection", "start"


def label(
  given: records.StepLabels, found: inspector.Inspected, model: str
) -> records.StepLabels:
  """The record as it is, with the two quantities in `extra`.

  Args:
    given: labels, or a solution without counts.
    found: of its prefixes, that of the bare problem first; those behind the
      last that was read get nulls.
    model: name of the inspector.
  """
  num = len(counts.steps(given)) + 1
  entropies = _padded(found.entropy.mean(axis=1), num)
  surprisals = _padded(found.surprisal.sum(axis=1), num)
  gains = information.gains(entropies[1:], entropies[0].item())
  start = information.plain(np.stack([entropies[0], surprisals[0]]))
  told = {
    ENTROPY: information.plain(entropies[1:]),
    GAIN: information.plain(gains),
    SURPRISAL: information.plain(surprisals[1:]),
    INSPECTION: {
      "model": model,
      START: dict(zip(("entropy", "surprisal"), start, strict=True)),
      "answer_tokens": found.entropy.shape[1],
      "prefixes": found.entropy.shape[0],
      "num_tokens": found.num_tokens,
      "num_dropped": found.num_dropped,
    },
  }
  return dataclasses.replace(given, extra={**given.extra, **told})


def summarise(labels: Sequence[records.StepLabels]) -> dict[str, Any]:
  """What `label` found on the whole.

  Returns:
    Those of `information.summarise`; solutions not read as they are too long
    ("too_long") or read without their beginning ("truncated"); steps not read
    as they begin with the cue, and those behind them ("answer_steps"); tokens
    read with those per gain.
  """
  own = [one.extra[INSPECTION] for one in labels]
  told = information.summarise(labels, GAIN)
  tokens = sum(one["num_tokens"] for one in own if one["prefixes"])
  pairs = [(one, len(x.n_total)) for one, x in zip(own, labels, strict=True)]
  return {
    **told,
    "too_long": sum(not one["prefixes"] for one in own),
    "truncated": sum(one["num_dropped"] > 0 for one in own),
    "answer_steps": sum(
      num + 1 - one["prefixes"] for one, num in pairs if one["prefixes"]
    ),
    "read_tokens": tokens,
    "tokens_per_gain": tokens / told["gains"] if told["gains"] else None,
  }


def _padded(nats: Float[np.ndarray, "k"], num: int) -> Float[np.ndarray, "n"]:
  """In bits, NaN for prefixes that were not read."""
  found = np.full(num, np.nan)
  found[: len(nats)] = nats / np.log(2)
  return found
