"""`--verifier entropy`: the policy is asked for its answer after each step."""

import dataclasses
import math

import ml_collections

from prm_jax import errors
from prm_jax.build import fields, models
from prm_jax.cli import verifying
from prm_jax.decode import signals
from prm_jax.text import token_bytes

NAME = "entropy"


@dataclasses.dataclass(frozen=True)
class Asking:
  """See `decode.signals.AnswerEntropy`.

  Attributes:
    cue: text that asks for the answer.
    answer: its tokens.
    back: steps looked back.
    rise: nats in so many steps after which a row is given up; None: never.
  """

  cue: str
  answer: int = 1
  back: int = 2
  rise: float | None = None

  def __post_init__(self):
    for name in ("answer", "back"):
      if getattr(self, name) < 1:
        raise errors.UserError(f"answer_entropy.{name}: must be at least 1")
    if not self.cue.strip():
      raise errors.UserError("answer_entropy.cue: is empty")


def verifier(
  config: ml_collections.ConfigDict, policy: models.Loaded
) -> verifying.Verifier:
  """Minus the entropy of the answer that the policy would give now.

  Raises:
    UserError: a field of `Asking` that cannot be, or a cue that its tokens do
      not write.
  """
  asking = fields.dataclass(Asking, config.to_dict(), "answer_entropy")
  size = policy.model.config.transformer.vocab_size
  vocabulary = token_bytes.Vocabulary(policy.tokenizer.backend, size)
  scorer = signals.AnswerEntropy(
    policy.model,
    tuple(vocabulary.encode(asking.cue)),
    asking.answer,
    asking.back,
    math.inf if asking.rise is None else asking.rise,
  )
  own = policy.model.config
  return verifying.Verifier(
    NAME, scorer, policy.params, own, is_probability=False
  )
