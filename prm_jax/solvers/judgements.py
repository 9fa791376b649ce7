"""Step scores by a verifier that was trained here to write its verdicts.

Behind each step's end it writes N rationales, each until it says one of the
two verdicts; P(right) between them there is a vote, and the score the mean of
the known ones (Maj@N of GenPRM, arXiv 2504.00891, whose chats are written by
`generative`) or the share of those above 1/2. Where a calculator is asked for,
it answers whenever the rationale comes to "=", exactly.
"""

import dataclasses
import functools
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax import errors
from prm_jax.decode import score
from prm_jax.models import combined, lm
from prm_jax.solvers import continuing, generative, rationales
from prm_jax.tasks import base as tasks
from prm_jax.tasks import calculators
from prm_jax.text import hf_tokenizer
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib
from prm_jax.types import Params

ASKS = "="  # is answered
PARTS = ";"  # between the calculations of a rationale


class Words(NamedTuple):
  """Tokens that end what is written.

  Attributes:
    head: the two verdicts.
    asks: the token of `ASKS`.
    eos: ends a text without a verdict.
  """

  head: combined.VerdictHead
  asks: int
  eos: int


class JudgementScorer:
  """Judges all steps of many solutions at once.

  Args:
    model: a language model.
    params: its parameters.
    tokenizer: of generated tasks.
    words: what ends a rationale.
    config: how; `mode` "reason", `code` "skip" or "tool", the calculator.

  Raises:
    UserError: another mode or code.
  """

  def __init__(
    self,
    model: lm.Model,
    params: Params,
    tokenizer: tokenizer_lib.Tokenizer,
    words: Words,
    config: rationales.Config,
  ):
    if config.mode != "reason" or config.code == "unanswered":
      raise errors.UserError(
        "generative: format 'judgement' writes (mode 'reason') and has a "
        "calculator or none (code 'tool' or 'skip')"
      )
    self._tokenizer, self._words, self._config = tokenizer, words, config
    self._params = continuing.unstacked(params)
    self._choice = jax.jit(functools.partial(score.choice, model))
    ends = [words.head.right, words.head.wrong, words.eos]
    self._write = continuing.Continuer(
      model,
      self._params,
      hf_tokenizer.HfTokenizer(tokenizer.backend, {}, None, "judgement"),
      [*ends, words.asks] if config.code == "tool" else ends,
      stops=(),
      sampler=config.sampler,
      num_rows=1,
      max_tokens=config.max_tokens,
      batch_size=config.batch_size,
      seed=config.seed,
    )

  def judge(
    self,
    problems: Sequence[tasks.Problem],
    texts: Sequence[steps_lib.EncodedSolution],
  ) -> list[generative.Judged]:
    """Votes and rationales of solutions, step by step.

    Args:
      problems: [n].
      texts: [n] their solutions.
    """
    drafts = [
      [
        _Draft(problem, f"{_name(problem, text)}#{step}#{vote}", text, int(end))
        for vote in range(self._config.votes)
      ]
      for problem, text in zip(problems, texts, strict=True)
      for step, end in enumerate(text.step_end)
    ]
    every = [draft for own in drafts for draft in own]
    self._finish(every)
    self._vote([draft for draft in every if draft.is_ready])
    found, start = [], 0
    for text in texts:
      own = drafts[start : start + len(text.step_end)]
      start += len(own)
      votes = np.array([[d.vote for d in one] for one in own], np.float32)
      num_tokens = sum(len(d.whole) for one in own for d in one)
      said = [[d.told for d in one] for one in own]
      found.append(
        generative.Judged(votes, said, num_tokens, self._config.pool)
      )
    return found

  def _finish(self, drafts: Sequence["_Draft"]) -> None:
    """Writes until there is a verdict, or until the limit."""
    verdicts = (self._words.head.right, self._words.head.wrong)
    going = list(drafts)
    for turn in range(self._config.rounds):
      if not going:
        return
      texts = [
        continuing.Text(f"{draft.name}#{turn}", draft.whole) for draft in going
      ]
      written = self._write(texts)
      answered = []
      for draft, (row,) in zip(going, written, strict=True):
        draft.said += row.tokens
        draft.is_ready = row.end == "eos" and row.last in verdicts
        if row.end == "limit" and self._config.at_limit == "judge":
          draft.is_ready = True
        if row.end == "eos" and row.last == self._words.asks:
          self._answer(draft)
          answered.append(draft)
      going = answered

  def _answer(self, draft: "_Draft") -> None:
    """Puts "=" and what the expression before it comes to."""
    last = self._tokenizer.decode(draft.said).rsplit(PARTS, 1)[-1]
    result = calculators.answer(draft.problem, last)
    draft.said.append(self._words.asks)
    if result is not None:  # else the model goes on by itself
      draft.said += self._tokenizer.encode(result)

  def _vote(self, drafts: Sequence["_Draft"]) -> None:
    """P(right) where each verdict stands."""
    head = self._words.head
    candidates = jnp.asarray([head.wrong, head.right], jnp.int32)
    drafts = sorted(drafts, key=lambda draft: len(draft.whole))
    size = self._config.batch_size
    for start in range(0, len(drafts), size):
      part = drafts[start : start + size]
      wholes = [draft.whole for draft in part]
      wholes += wholes[-1:] * (size - len(part))
      shares = self._choice(
        self._params, *continuing.padded(wholes), candidates
      )
      for draft, share in zip(part, np.asarray(shares)[:, 1], strict=False):
        draft.vote = float(share)


def _name(problem: tasks.Problem, text: steps_lib.EncodedSolution) -> str:
  """The same whatever else is judged."""
  return f"{problem.id}/{zlib.crc32(text.tokens.tobytes())}"


@dataclasses.dataclass
class _Draft:
  """A rationale on its way."""

  problem: tasks.Problem
  name: str
  text: steps_lib.EncodedSolution
  end: int
  said: list[int] = dataclasses.field(default_factory=list)
  is_ready: bool = False
  vote: float = float("nan")

  @property
  def asked(self) -> list[int]:
    return self.text.tokens[: self.end + 1].tolist()

  @property
  def whole(self) -> list[int]:
    return [*self.asked, *self.said]

  @property
  def told(self) -> rationales.Draft:
    return rationales.Draft(
      self.name, self.asked, self.said, self.is_ready, True
    )
