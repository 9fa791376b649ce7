"""Rationales of a generative verifier, each up to where its verdict stands."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from prm_jax import errors
from prm_jax.decode import sampling
from prm_jax.solvers import continuing
from prm_jax.text import critiques, hf_tokenizer

Pool: TypeAlias = Literal["mean", "majority"]


@dataclasses.dataclass
class Draft:
  """One rationale.

  Attributes:
    name: all its randomness comes from it.
    asked: tokens of the chat before it.
    said: tokens of the assistant so far.
    is_ready: the next token is the verdict.
    is_over: nothing more is written.
  """

  name: str
  asked: Sequence[int]
  said: list[int]
  is_ready: bool = False
  is_over: bool = False

  @property
  def whole(self) -> list[int]:
    return [*self.asked, *self.said]


@dataclasses.dataclass(frozen=True)
class Config:
  """How steps are judged; sampling as the authors do.

  Attributes:
    mode: "reason": after a rationale; "direct": right away, P(yes) alone.
    votes: N rationales of a step.
    code: "skip": the verdict follows the analysis; "unanswered": the model
      writes a program, and goes on by itself; "tool": the program goes to a
      callable and what it returns into the text.
    rounds: programs of a rationale, at most.
    max_tokens: of each text that is sampled: the analysis, and what follows a
      program or its output.
    at_limit: where a rationale does not come to its verdict, "judge" asks for
      one after the analysis so far, and "unknown" has no vote.
    pool: of the votes of a step: their "mean", as the authors do, or the
      "majority", the share of those above 1/2, of which a half is half a one.
    temperature, top_p, top_k: of sampling.
    batch_size: texts of a program call.
    seed: of sampling.
  """

  mode: Literal["reason", "direct"] = "reason"
  votes: int = 1
  code: Literal["skip", "unanswered", "tool"] = "skip"
  rounds: int = 3
  max_tokens: int = 2048
  at_limit: Literal["judge", "unknown"] = "judge"
  pool: Pool = "mean"
  temperature: float = 0.6
  top_p: float = 0.95
  top_k: int = 20
  batch_size: int = 16
  seed: int = 0

  def __post_init__(self):
    for name in ("votes", "rounds", "max_tokens", "batch_size"):
      if getattr(self, name) < 1:
        raise errors.UserError(f"generative.{name}: must be at least 1")
    if self.mode == "direct" and (self.votes, self.code) != (1, "skip"):
      raise errors.UserError(
        "generative.mode: 'direct' writes nothing, so that votes must be 1 and "
        "code 'skip'"
      )

  @property
  def sampler(self) -> sampling.SamplerConfig:
    return sampling.SamplerConfig(self.temperature, self.top_k, self.top_p)


class Author:
  """Writes them.

  Args:
    style: words.
    tokenizer: of the model.
    continuer_fn: `(stops=, num_rows=) -> continuing.Continuer`.
    config: how.
    context: tokens that the model can see; 0: unlimited.
    tool_fn: answers programs, where `config.code` is "tool".
  """

  def __init__(
    self,
    style: critiques.Style,
    tokenizer: hf_tokenizer.HfTokenizer,
    continuer_fn: Callable[..., continuing.Continuer],
    config: Config,
    context: int,
    tool_fn: Callable[[str], str] | None,
  ):
    self._style, self._tokenizer, self._config = style, tokenizer, config
    self._context, self._tool_fn = context, tool_fn
    stops = [style.verdict_end, *([style.code_end] if tool_fn else [])]
    self._analyse = continuer_fn(
      stops=[style.analysis_end], num_rows=config.votes
    )
    self._program = continuer_fn(stops=stops, num_rows=1)

  def drafts(
    self, asked: Sequence[continuing.Text], index: int
  ) -> list[list[Draft]]:
    """[n][votes] rationales on step `index` of each chat, from 0."""
    if self._config.mode == "direct":
      return [[self._bare(text)] for text in asked]
    drafts = self._analyses(asked, index)
    going = [draft for own in drafts for draft in own if not draft.is_over]
    if self._config.code == "skip":
      for draft in going:
        self._conclude(draft)
    else:
      self._check(going)
    return drafts

  def _bare(self, text: continuing.Text) -> Draft:
    """No word before the verdict."""
    draft = Draft(text.name, text.tokens, [])
    self._conclude(draft)
    return draft

  def _analyses(
    self, asked: Sequence[continuing.Text], index: int
  ) -> list[list[Draft]]:
    """Up to the end of the analysis; over are those that have none."""
    encode, style = self._tokenizer.encode, self._style
    opening = encode(style.analysis.format(index=index + 1))
    drafts = [
      [
        Draft(f"{text.name}#{vote}", text.tokens, list(opening))
        for vote in range(self._config.votes)
      ]
      for text in asked
    ]
    fitting = []
    for own, text in zip(drafts, asked, strict=True):
      if self._fits(own[0].whole, self._config.max_tokens):
        fitting.append((own, text._replace(tokens=own[0].whole)))
      for draft in own:
        draft.is_over = not fitting or fitting[-1][0] is not own
    written = self._analyse([text for _, text in fitting])
    for (own, _), rows in zip(fitting, written, strict=True):
      for draft, row in zip(own, rows, strict=True):
        draft.said += row.tokens
        if row.end != "stop":
          draft.is_over = self._config.at_limit == "unknown"
          draft.said += [] if draft.is_over else encode(style.analysis_end)
    return drafts

  def _check(self, drafts: Sequence[Draft]) -> None:
    """Programs and what follows them, to a verdict by the model itself."""
    encode, style = self._tokenizer.encode, self._style
    analyses = {draft.name: list(draft.said) for draft in drafts}
    for draft in drafts:
      draft.said += encode(style.code)
    going = list(drafts)
    for turn in range(self._config.rounds):
      going = [
        draft
        for draft in going
        if self._fits(draft.whole, self._config.max_tokens)
      ]
      if not going:
        break
      texts = [
        continuing.Text(f"{draft.name}#{turn}", draft.whole) for draft in going
      ]
      written = self._program(texts)
      answered = []
      for draft, (row,) in zip(going, written, strict=True):
        draft.said += row.tokens
        text = self._tokenizer.decode(draft.said)
        draft.is_ready = text.endswith(style.verdict_end)
        if row.end == "stop" and not draft.is_ready and self._tool_fn:
          program = critiques.program(style, text)
          said = style.output.format(output=self._tool_fn(program))
          draft.said += encode(said)
          answered.append(draft)
      going = answered
    for draft in drafts:
      draft.is_over = True
      if not draft.is_ready and self._config.at_limit == "judge":
        draft.said = analyses[draft.name]
        self._conclude(draft)

  def _conclude(self, draft: Draft) -> None:
    """Asks for the verdict."""
    draft.said += self._tokenizer.encode(self._style.verdict)
    draft.is_over = True
    draft.is_ready = self._fits(draft.whole, 0)

  def _fits(self, tokens: Sequence[int], more: int) -> bool:
    """Whether so many tokens may follow, the verdict included."""
    room = self._context - len(tokens)
    return not self._context or room > more
