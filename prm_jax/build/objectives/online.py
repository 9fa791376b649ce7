"""An implicit reward model that is trained while a policy learns (PRIME)."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from prm_jax.build import losses
from prm_jax.models import lm
from prm_jax.objectives import lm as lm_objective
from prm_jax.objectives import prime
from prm_jax.types import Array, Params


@dataclasses.dataclass(frozen=True, eq=False)
class OnlineReward:
  """One step on fresh responses at a time, see `objectives.prime.update`.

  `prm-jax train --config chain_verifier:implicit` trains the same model on a
  file; with `--model` the last one and `objective.reference` the first one it
  goes on. This is for a loop that holds everything in memory.

  Attributes:
    model: the reward model, which has an LM head.
    reference: what it compares with; stays as it is.
    tx: optimiser; `tx.init(params)` is its first state.
    beta: scale of log-ratios.
    timing: whether rewards are those before or after the step.
  """

  model: lm.Model
  reference: losses.Reference
  tx: optax.GradientTransformation
  beta: float = 0.05
  timing: prime.Timing = "after"

  def __call__(
    self,
    params: Params,
    opt_state: Any,
    tokens: Array,
    prompt_length: Array,
    length: Array,
    correct: Array,
  ) -> prime.Updated:
    """Rewards of tokens, and the model after the step.

    Args:
      params: of the reward model.
      opt_state: of its optimiser.
      tokens: [n, t] int32 prompt and response, right-padded.
      prompt_length: [n] int32.
      length: [n] int32 of both together.
      correct: [n] float32 outcomes.

    Returns:
      Rewards [n, t] are those of the tokens at their own places, 0 in prompts
      and padding.
    """
    texts = _Texts(tokens, prompt_length, length)
    frozen = self.reference.params  # no constant of the program
    return self._update(params, opt_state, frozen, texts, correct)

  @functools.partial(jax.jit, static_argnums=0)
  def _update(
    self,
    params: Params,
    opt_state: Any,
    frozen: Params,
    texts: "_Texts",
    correct: Array,
  ) -> prime.Updated:
    return prime.update(
      params,
      opt_state,
      functools.partial(_log_probs, self.model, texts),
      _log_probs(self.reference.model, texts, frozen),
      texts.is_response.astype(jnp.float32),
      correct,
      self.tx,
      beta=self.beta,
      timing=self.timing,
    )


class _Texts(NamedTuple):
  """See `OnlineReward.__call__`."""

  tokens: Array
  prompt_length: Array
  length: Array

  @property
  def is_there(self) -> Array:
    return jnp.arange(self.tokens.shape[1]) < self.length[:, None]

  @property
  def is_response(self) -> Array:
    at = jnp.arange(self.tokens.shape[1])
    return self.is_there & (at >= self.prompt_length[:, None])


def _log_probs(model: lm.Model, texts: _Texts, params: Params) -> Array:
  """log p of every token given those before it, [n, t]."""
  places = jnp.broadcast_to(
    jnp.arange(texts.tokens.shape[1]), texts.tokens.shape
  )
  segments = texts.is_there.astype(jnp.int32)
  out = lm.forward(model, params, texts.tokens, places, segments)
  assert out.logits is not None, "the model has no LM head"
  return lm_objective.token_log_probs(out.logits, texts.tokens, segments)
