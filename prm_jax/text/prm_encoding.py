"""From a problem and its steps to tokens and the places that are read."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from prm_jax import errors
from prm_jax.text import hf_tokenizer, prm_formats, steps

# Stands for the answer while a chat is rendered; no text of a user has it.
_MARK = "\ue000"


@dataclasses.dataclass(frozen=True)
class Encoder:
  """A format bound to a tokenizer.

  Attributes:
    format: the row.
    tokenizer: of the checkpoint.

  Raises:
    UserError: on first use: a tag, sign or candidate that is not one token.
  """

  format: prm_formats.Format
  tokenizer: hf_tokenizer.HfTokenizer

  @functools.cached_property
  def tag_id(self) -> int:
    return self.tokenizer.single_id(
      self.format.tag, f"format {self.format.name}: tag"
    )

  @functools.cached_property
  def candidate_ids(self) -> tuple[int, ...]:
    """Of the tokens whose logits are compared."""
    where = f"format {self.format.name}: candidate"
    return tuple(
      self.tokenizer.single_id(text, where)
      for text in self.format.head.candidates
    )

  def check(self) -> None:
    """All that can be wrong before any text is seen.

    Raises:
      UserError: names the file and what the tokenizer lacks.
    """
    _ = self.candidate_ids
    if self.format.joining != "tokens" and self.format.tag:
      _ = self.tag_id

  def encode(
    self, question: str, given: Sequence[str]
  ) -> steps.EncodedSolution:
    """Tokens of a solution and where it is read.

    Args:
      question: the problem.
      given: steps without delimiters; empty ones at the end are dropped.

    Raises:
      UserError: names the step: none at all, an empty one, one that holds the
        tag itself.
    """
    texts = self._texts(given)
    if self.format.chat == "answer":
      return self._answer(question, texts)
    raise NotImplementedError

  def _texts(self, given: Sequence[str]) -> list[str]:
    """Steps as the format writes them."""
    fmt = self.format
    texts = list(given)
    while texts and not texts[-1].strip():
      texts.pop()
    if not texts:
      raise errors.UserError("steps: there are none")
    for index, text in enumerate(texts):
      if not text.strip():
        raise errors.UserError(f"steps[{index}]: the step is empty")
      number = fmt.number.format(index=index + 1)
      text = text.strip() if fmt.strip else text
      texts[index] = text if text.startswith(number) else number + text
    return texts

  def _answer(
    self, question: str, texts: Sequence[str]
  ) -> steps.EncodedSolution:
    fmt = self.format
    chat = self._render(question)
    head, _, tail = chat.partition(_MARK)
    body = fmt.separator.join(text + fmt.tag for text in texts)
    ids, prompt_length = self._with_length(head, body + tail, whole=False)
    return self._at_tags(ids, prompt_length, len(texts))

  def _render(self, question: str) -> str:
    fmt = self.format
    system = {"role": "system", "content": fmt.system}
    chat = self.tokenizer.render_chat(
      [
        *([system] if fmt.system is not None else []),
        {"role": "user", "content": fmt.prompt.format(question=question)},
        {"role": "assistant", "content": _MARK},
      ],
      add_generation_prompt=False,
    )
    if chat.count(_MARK) != 1:
      raise errors.UserError(
        f"{self.tokenizer.where}: chat_template: writes the assistant's "
        f"message {chat.count(_MARK)} times"
      )
    return chat

  def _with_length(
    self, head: str, rest: str, whole: bool
  ) -> tuple[list[int], int]:
    """Ids of both as one text, and how many of them begin in `head`."""
    found = self.tokenizer.backend.encode(head + rest, add_special_tokens=whole)
    starts = [start for start, _ in found.offsets]
    before = [start < len(head) for start in starts]
    return found.ids, sum(before)

  def _at_tags(
    self, ids: Sequence[int], prompt_length: int, num_steps: int
  ) -> steps.EncodedSolution:
    tokens = np.asarray(ids, np.int32)
    (at,) = np.nonzero(tokens == self.tag_id)
    if len(at) != num_steps:
      raise errors.UserError(
        f"steps: {num_steps} steps have {len(at)} tags {self.format.tag!r} as "
        "tokens: the problem or a step holds one itself, or the tokenizer "
        "joins it with what stands beside it"
      )
    return steps.EncodedSolution(
      tokens, prompt_length, (at + self.format.offset).astype(np.int32)
    )
