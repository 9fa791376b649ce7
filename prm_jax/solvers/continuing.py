"""Texts go on: compiled sampling from tokens to a stop string.

One program per length of prompts, in a few lengths; what is sampled depends on
the name of the text and the seed alone, not on what it is batched with.
"""

import functools
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import numpy as np

from prm_jax.decode import sampling, scoring, step
from prm_jax.models import lm
from prm_jax.search import best_of_n
from prm_jax.solvers import prompts, solver
from prm_jax.text import delimiters, hf_tokenizer, public_notation
from prm_jax.types import Params

End: TypeAlias = Literal["stop", "eos", "limit"]

_LEAST_SLOTS = 64  # of a prompt
_PIECE = 256  # tokens; a program sees as much of its cache as is filled


class Text(NamedTuple):
  """What is to go on."""

  name: str  # all randomness comes from it
  tokens: Sequence[int]


class Written(NamedTuple):
  """What was written, and why no more: an end token is left out.

  Attributes:
    tokens: without that.
    end: why no more.
    last: the end token; -1: none.
  """

  tokens: tuple[int, ...]
  end: End
  last: int = -1


class Continuer:
  """Samples what follows texts.

  Args:
    model: has an LM head.
    params: its parameters, see `lm.unstack`.
    tokenizer: its own.
    eos_ids: each ends a text.
    stops: strings that end what is written, wherever they stand in tokens.
    sampler: how tokens are drawn.
    num_rows: continuations of each text.
    max_tokens: of a continuation.
    batch_size: texts per program call.
    seed: of all sampling.
  """

  def __init__(
    self,
    model: lm.Model,
    params: Params,
    tokenizer: hf_tokenizer.HfTokenizer,
    eos_ids: Sequence[int],
    *,
    stops: Sequence[str],
    sampler: sampling.SamplerConfig,
    num_rows: int,
    max_tokens: int,
    batch_size: int,
    seed: int = 0,
  ):
    self._notation = public_notation.PublicNotation(
      tokenizer,
      tuple(eos_ids),
      stop_strings=tuple(stops),
      model_vocab=model.config.transformer.vocab_size,
    )
    piece = min(_PIECE, max_tokens)
    steps = step.StepFactory(
      model,
      scoring.NoScorer(),
      sampler,
      step.StepFormat(
        delimiters.single_tokens(eos_ids, self._notation.vocab_size),
        eos_ids[0],
        piece,
        stop=self._notation.solution_ends,
        resumes=True,
      ),
    )
    self._open = functools.partial(
      solver.Solver,
      {"policy": params, "verifier": None},
      self._notation,
      steps=steps,
      search_fn=functools.partial(
        best_of_n.best_of_n,
        step_fn=steps(),
        max_steps=-(-max_tokens // piece),
      ),
      num_rows=num_rows,
      seed=seed,
    )
    self._sizes = batch_size, max_tokens
    self._solvers: dict[int, Any] = {}

  def __call__(self, texts: Sequence[Text]) -> list[list[Written]]:
    """Continuations of each text, in its rows' order."""
    found: dict[int, list[Written]] = {}
    order = sorted(range(len(texts)), key=lambda i: len(texts[i].tokens))
    size, _ = self._sizes
    for start in range(0, len(order), size):
      places = order[start : start + size]
      longest = len(texts[places[-1]].tokens)
      solved = self._solver(slots(longest)).solve(
        [_begun(texts[place]) for place in places]
      )
      for place, tokens, length in zip(
        places, solved.tokens, solved.length, strict=True
      ):
        found[place] = [
          self._read(own[:count].tolist())
          for own, count in zip(tokens, length, strict=True)
        ]
    return [found[place] for place in range(len(texts))]

  def _solver(self, prompt_slots: int) -> solver.Solver:
    if prompt_slots not in self._solvers:
      size, max_tokens = self._sizes
      sizes = solver.SolverConfig(size, prompt_slots, max_tokens)
      self._solvers[prompt_slots] = self._open(config=sizes)
    return self._solvers[prompt_slots]

  def _read(self, tokens: list[int]) -> Written:
    if tokens and tokens[-1] in self._notation.eos_ids:
      return Written(tuple(tokens[:-1]), "eos", tokens[-1])
    tables, state, hit = self._notation.solution_ends, 0, False
    for token in tokens:
      hit = bool(tables.hit[state, token])
      state = int(tables.next_state[state, token])
    return Written(tuple(tokens), "stop" if hit else "limit")


def unstacked(params: Params) -> Params:
  """Parameters on the device, as many continuers and readings share them."""
  return lm.unstack(jax.device_put(params))


def slots(length: int) -> int:
  """The next of the lengths 64, 96, 128, 192, 256, ..."""
  found = _LEAST_SLOTS
  while found < length:
    found = found * 3 // 2 if found & (found - 1) == 0 else found * 4 // 3
  return found


def padded(texts: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
  """[n, slots] int32 and lengths [n] int32."""
  length = np.array([len(text) for text in texts], np.int32)
  tokens = np.zeros((len(texts), slots(int(length.max()))), np.int32)
  for row, text in zip(tokens, texts, strict=True):
    row[: len(text)] = text
  return tokens, length


def _begun(text: Text) -> prompts.Begun:
  return prompts.Begun(text.name, "", "", None, tokens=tuple(text.tokens))
