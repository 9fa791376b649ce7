"""From a problem and its steps to tokens and the places that are read."""

import bisect
import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from prm_jax import errors
from prm_jax.text import hf_tokenizer, prm_bounds, prm_formats, steps

# Stands for a message while a chat is rendered; no text of a user has it.
_MARK = "\ue000"


@dataclasses.dataclass(frozen=True)
class Encoder:
  """A format bound to a tokenizer.

  Attributes:
    format: the row.
    tokenizer: of the checkpoint.
    answer: reference that the model is shown, where the format has a place
      for it; "" for none.
  """

  format: prm_formats.Format
  tokenizer: hf_tokenizer.HfTokenizer
  answer: str = ""

  @functools.cached_property
  def tag_id(self) -> int:
    """UserError where the tag is not one token; as of `candidate_ids`."""
    return self._single(self.format.tag_token or self.format.tag, "tag")

  @functools.cached_property
  def candidate_ids(self) -> tuple[int, ...]:
    """Of the tokens whose logits are compared, wrong ones first."""
    texts = self.format.head.candidates
    return tuple(self._single(text, "candidate") for text in texts)

  def check(self) -> None:
    """All that can be wrong before any text is seen.

    Raises:
      UserError: names the folder and what its tokenizer lacks.
    """
    _ = self.candidate_ids
    if self.format.tag and self.format.joining == "string":
      _ = self.tag_id
    if self.format.joining == "bounded":
      _ = prm_bounds.boundary_id(self.format, self.tokenizer)
    if self.format.joining == "prefixes":
      _ = self._end_id()

  def encode(
    self, question: str, given: Sequence[str]
  ) -> steps.EncodedSolution:
    """Tokens of a solution and where it is read.

    Args:
      question: the problem.
      given: steps without delimiters; empty ones at the end are dropped.

    Returns:
      As many places as there are steps, in as many texts where the format
      reads prefixes apart, or one where it scores whole solutions.

    Raises:
      UserError: names the step: none at all, an empty one, one that holds the
        tag itself.
    """
    texts = self._texts(given)
    if self.format.joining == "prefixes":
      *before, found = self._prefixes(question, texts, 1)
      found = dataclasses.replace(found, before=tuple(before))
    elif self.format.chat == "turns":
      found = self._turns(question, texts)
    elif self.format.joining == "bounded":
      found = self._bounded(question, texts)
    elif self.format.joining == "tokens":
      found = self._pieces(*self._around(question), texts)
    else:
      found = self._string(*self._around(question), texts)
    wanted = len(texts) if self.format.unit == "step" else 1
    assert sum(len(text.step_end) for text in found.texts) == wanted
    return found

  def encode_last(
    self, question: str, given: Sequence[str]
  ) -> steps.EncodedSolution:
    """`encode` without the texts that only earlier steps are read in."""
    if self.format.joining != "prefixes":
      return self.encode(question, given)
    texts = self._texts(given)
    return self._prefixes(question, texts, len(texts))[-1]

  def _single(self, text: str, what: str) -> int:
    return self.tokenizer.single_id(text, f"format {self.format.name}: {what}")

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

  def _prompt(self, question: str) -> str:
    bos = self.tokenizer.special_tokens.get("bos_token", "")
    answer = self.answer or self.format.no_answer
    return self.format.prompt.format(question=question, bos=bos, answer=answer)

  def _around(self, question: str) -> tuple[str, str]:
    """The text before the first step and that after the last."""
    if self.format.chat == "none":
      return self._prompt(question), ""
    chat = self._render(
      [
        {"role": "user", "content": self._prompt(question)},
        {"role": "assistant", "content": _MARK},
      ]
    )
    head, *tails = chat.split(_MARK)
    if len(tails) != 1:
      raise errors.UserError(
        f"{self.tokenizer.where}: chat_template: writes the assistant's "
        f"message {len(tails)} times"
      )
    return head, tails[0]

  def _render(self, messages: list[dict[str, str]]) -> str:
    fmt = self.format
    system = [{"role": "system", "content": fmt.system}] if fmt.system else []
    return self.tokenizer.render_chat(
      [*system, *messages], add_generation_prompt=False
    )

  def _string(
    self, head: str, tail: str, texts: Sequence[str]
  ) -> steps.EncodedSolution:
    """One text, tokenised once."""
    fmt = self.format
    text, ends = head, []
    for index, step in enumerate(texts):
      is_open = fmt.ends_open and index == len(texts) - 1
      text += (fmt.separator if index else "") + step
      text += "" if is_open else fmt.tag
      ends.append(len(text))
    ids, spans = self._tokens(text + tail)
    prompt_length = sum(start < len(head) for start, _ in spans)
    tokens = np.asarray(ids, np.int32)
    if fmt.unit == "solution":
      at = np.array([len(ids) - 1])
    elif fmt.joining == "spans":
      at = np.array([_token_at(spans, end - 1) for end in ends])
    else:
      at = self._tags(tokens, len(texts))
    return _solution(tokens, prompt_length, at + fmt.offset)

  def _tokens(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Ids and the characters [start, end) that each stands for."""
    fmt = self.format
    found = self.tokenizer.backend.encode(
      text, add_special_tokens=fmt.bos == "tokenizer" and fmt.chat == "none"
    )
    bos = self._bos()
    return [*bos, *found.ids], [(0, 0)] * len(bos) + found.offsets

  def _bos(self) -> list[int]:
    """The token that the format itself puts first."""
    if self.format.bos != "always" or self.tokenizer.bos_id is None:
      return []
    return [self.tokenizer.bos_id]

  def _tags(self, tokens: np.ndarray, num_steps: int) -> np.ndarray:
    (at,) = np.nonzero(tokens == self.tag_id)
    if len(at) != num_steps:
      raise errors.UserError(
        f"steps: {num_steps} steps have {len(at)} tags {self.format.tag!r} as "
        "tokens: the problem or a step holds one itself, or the tokenizer "
        "joins it with what stands beside it"
      )
    return at

  def _pieces(
    self, head: str, tail: str, texts: Sequence[str]
  ) -> steps.EncodedSolution:
    """Prompt, steps and tags tokenised apart and joined as ids."""
    fmt, encode = self.format, self.tokenizer.encode
    tag, separator = encode(fmt.tag), encode(fmt.separator)
    ids, _ = self._tokens(head)
    prompt_length, at = len(ids), []
    for index, step in enumerate(texts):
      ids += separator if index else []
      pieces = step.split(fmt.inner) if fmt.inner else [step]
      for piece in pieces:
        ids += [*encode(piece), *tag]
      if fmt.ends_open and index == len(texts) - 1:
        ids = ids[: len(ids) - len(tag)]
      at.append(len(ids) - 1)
    ids += encode(tail)
    return _solution(
      np.asarray(ids, np.int32), prompt_length, np.array(at) + fmt.offset
    )

  def _end_id(self) -> int:
    """The EOS token, which closes every prefix."""
    if self.tokenizer.eos_id is None:
      raise errors.UserError(
        f"{self.tokenizer.where}: format {self.format.name}: the tokenizer "
        "has no eos_token, at which it is read"
      )
    return self.tokenizer.eos_id

  def _prefixes(
    self, question: str, texts: Sequence[str], first: int
  ) -> list[steps.EncodedSolution]:
    """Those of `first` steps and more; other steps move none of its tokens."""
    ids, _ = self._tokens(self._around(question)[0])
    found = []
    for count in range(first, len(texts) + 1):
      said = "".join(step + self.format.tag for step in texts[:count])
      tokens = [*ids, *self.tokenizer.encode(said), self._end_id()]
      end = np.array([len(tokens) - 1])
      found.append(_solution(np.asarray(tokens, np.int32), len(ids), end))
    return found

  def _bounded(
    self, question: str, texts: Sequence[str]
  ) -> steps.EncodedSolution:
    """Boundaries are taken out again before the model reads."""
    mark_id = prm_bounds.boundary_id(self.format, self.tokenizer)
    mark = self.tokenizer.special_tokens["pad_token"]
    ids, _ = self._tokens(mark.join([self._prompt(question), *texts, ""]))
    found = prm_bounds.without(ids, mark_id, len(texts), mark)
    return _solution(
      np.asarray(found.tokens, np.int32),
      found.prompt_length,
      found.last + self.format.offset,
    )

  def _turns(
    self, question: str, texts: Sequence[str]
  ) -> steps.EncodedSolution:
    """A user's turn per step, each answered by the sign of a right step."""
    fmt = self.format
    first = self._prompt(question) + fmt.separator + texts[0]
    messages = []
    for step in (first, *texts[1:]):
      messages.append({"role": "user", "content": step})
      messages.append({"role": "assistant", "content": _MARK})
    parts = self._render(messages).split(_MARK)
    if len(parts) != len(texts) + 1:
      raise errors.UserError(
        f"{self.tokenizer.where}: chat_template: writes {len(parts) - 1} of "
        f"the assistant's {len(texts)} messages"
      )
    text, places = parts[0], []
    for part in parts[1:]:
      places.append(len(text))
      text += fmt.sign + part
    ids, spans = self._tokens(text)
    sign_id = self._single(fmt.sign, "sign")
    at = np.array([_token_at(spans, place) for place in places])
    if any(ids[place] != sign_id for place in at):
      raise errors.UserError(
        f"{self.tokenizer.where}: format {fmt.name}: the tokenizer joins the "
        f"sign {fmt.sign!r} with what the chat template writes beside it"
      )
    start = parts[0].find(texts[0])
    prompt_length = sum(begin < start for begin, _ in spans)
    return _solution(np.asarray(ids, np.int32), prompt_length, at + fmt.offset)


def _token_at(spans: Sequence[tuple[int, int]], place: int) -> int:
  """Index of the last token that begins at or before a character."""
  return bisect.bisect_right([start for start, _ in spans], place) - 1


def _solution(
  tokens: np.ndarray, prompt_length: int, at: np.ndarray
) -> steps.EncodedSolution:
  return steps.EncodedSolution(tokens, prompt_length, at.astype(np.int32))
