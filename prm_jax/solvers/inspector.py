"""What a language model makes of the right answer after each step.

The inspector of arXiv 2508.20395: behind the question and the first k steps
stand a cue and the reference answer, and the model's laws of the answer's
tokens are read, each given the true ones before it.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from prm_jax import errors
from prm_jax.models import inspection, lm
from prm_jax.solvers import prompts, step_scores
from prm_jax.tasks import base as tasks
from prm_jax.text import public_notation
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib
from prm_jax.types import Params

AUTO = "auto"
# What the answer of a chain or a graph stands behind, and that of PRM800K.
_NATIVE_CUE, _PUBLIC_CUE = "=", "\n# Answer\n\n"


class Inspected(NamedTuple):
  """What is known of one solution; index 0 is the bare problem.

  Attributes:
    entropy: of each law, in nats; one row per prefix that was read, one column
      per token of the answer. Empty where the text is too long.
    surprisal: -log q of the answer's tokens, in nats.
    num_tokens: of all prefixes, each read with cue and answer.
    num_dropped: tokens dropped on the left of these.
  """

  entropy: Float[np.ndarray, "k m"]
  surprisal: Float[np.ndarray, "k m"]
  num_tokens: int
  num_dropped: int


@dataclasses.dataclass(frozen=True)
class Asking:
  """How the answer is put behind the steps.

  Attributes:
    tokenizer: of the inspector, with the format of problems.
    cue: text between steps and answer; "auto": `=` for generated tasks, else
      a line `# Answer`.
  """

  tokenizer: tokenizer_lib.Tokenizer | public_notation.PublicNotation
  cue: str = AUTO

  def __call__(
    self, problem: tasks.Problem, steps: Sequence[str]
  ) -> steps_lib.EncodedSolution:
    """A text per prefix, read where the answer's tokens are predicted.

    Prefixes end before the first step that begins with the cue, as it tells
    the answer itself.

    Raises:
      UserError: no answer, an empty step, text that the tokenizer refuses.
    """
    answer = self._answer(problem)
    ends = range(num_asked(steps, self._cue) + 1)
    texts = [self._text(problem, steps[:end], answer) for end in ends]
    return dataclasses.replace(texts[-1], before=tuple(texts[:-1]))

  def check(self, problem: tasks.Problem, steps: Sequence[str]) -> None:
    """Raises what `__call__` would, by its longest text alone."""
    end = num_asked(steps, self._cue)
    self._text(problem, steps[:end], self._answer(problem))

  @property
  def _cue(self) -> str:
    if self.cue != AUTO:
      return self.cue
    is_native = isinstance(self.tokenizer, tokenizer_lib.Tokenizer)
    return _NATIVE_CUE if is_native else _PUBLIC_CUE

  def _answer(self, problem: tasks.Problem) -> "_Answer":
    text = (problem.answer or "").strip()
    if not text:
      raise errors.UserError(f"answer: problem {problem.id!r} has none")
    if isinstance(self.tokenizer, tokenizer_lib.Tokenizer):
      return _of_words(self.tokenizer, self._cue, text)
    return _of_text(self.tokenizer, self._cue, text)

  def _text(
    self, problem: tasks.Problem, steps: Sequence[str], answer: "_Answer"
  ) -> steps_lib.EncodedSolution:
    begun = prompts.begin(self.tokenizer, problem, steps).tokens
    tokens = np.array([*begun, *answer.tokens], np.int32)
    first = len(begun) + answer.first - 1
    if first < 0:
      raise errors.UserError("prompt, cue: there is nothing before the answer")
    places = np.arange(first, len(tokens) - 1, dtype=np.int32)
    return steps_lib.EncodedSolution(tokens, len(begun), places)


class _Answer(NamedTuple):
  """Tokens of cue and answer, and which is the answer's first."""

  tokens: list[int]
  first: int


def num_asked(steps: Sequence[str], cue: str) -> int:
  """Steps before the first that begins with the cue."""
  said = cue.strip()
  for index, step in enumerate(steps):
    if said and step.strip().startswith(said):
      return index
  return len(steps)


def _of_words(
  tokenizer: tokenizer_lib.Tokenizer, cue: str, answer: str
) -> _Answer:
  try:
    sides = [tokenizer.encode(text) for text in (cue, answer)]
  except errors.UserError as error:
    raise errors.UserError(f"cue, answer: {error}") from error
  return _Answer(sides[0] + sides[1], len(sides[0]))


def _of_text(
  notation: public_notation.PublicNotation, cue: str, answer: str
) -> _Answer:
  """A token that writes the ends of both is the answer's."""
  found = notation.backend.encode(cue + answer, add_special_tokens=False)
  ends = [end for _, end in found.offsets]
  first = next((i for i, end in enumerate(ends) if end > len(cue)), len(ends))
  said = b"".join(notation.token_bytes[index] for index in found.ids[first:])
  if not said.strip().endswith(answer.encode()):
    raise errors.UserError(
      f"answer: {answer!r}: the tokenizer does not write it, but "
      f"{said.decode(errors='replace')!r}"
    )
  return _Answer(found.ids, first)


class Inspector:
  """A language model that is asked for the reference answer.

  Args:
    model: has an LM head.
    params: its parameters.
    asking: what it reads.
    config: shapes.
  """

  def __init__(
    self,
    model: lm.Model,
    params: Params,
    asking: Asking,
    config: step_scores.ScoringConfig,
  ):
    self.asking = asking
    self._scorer = step_scores.TextScorer(
      inspection.Inspection(model), params, config
    )

  def __call__(
    self,
    problems: Sequence[tasks.Problem],
    given: Sequence[Sequence[str]],
    names: Sequence[str],
    on_batch: Callable[[int], None] | None = None,
  ) -> list[Inspected]:
    """What the model makes of each solution.

    Args:
      problems: with reference answers.
      given: steps of a solution of each.
      names: of the solutions, for messages.
      on_batch: told how many are done.

    Raises:
      UserError: see `Asking`; or names the solution that is too long.
    """
    pairs = zip(problems, given, strict=True)
    texts = [self.asking(problem, steps) for problem, steps in pairs]
    scored = self._scorer.score(texts, names, on_batch)
    return [
      _inspected(one, text) for one, text in zip(scored, texts, strict=True)
    ]


def _inspected(
  scored: step_scores.Scored, text: steps_lib.EncodedSolution
) -> Inspected:
  width = len(text.step_end)
  pairs = np.zeros((0, width, 2))
  if scored.scores is not None:
    pairs = scored.scores.reshape(-1, width, 2).astype(np.float64)
  return Inspected(
    pairs[..., 0], pairs[..., 1], scored.num_tokens, scored.num_dropped
  )
