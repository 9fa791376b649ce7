"""Problems and solutions in the tokens of a public checkpoint.

A problem is a turn of a chat, or plain text; steps end at strings such as a
blank line, wherever they stand in the tokens; a solution ends at any of the
checkpoint's end tokens.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from prm_jax import errors
from prm_jax.text import delimiters, hf_tokenizer, token_bytes

BLANK_LINE = "\n\n"
_PLACE = "{problem}"


@dataclasses.dataclass(frozen=True)
class PromptFormat:
  """How a problem is put.

  Attributes:
    style: "chat" (the checkpoint's template, up to where the assistant
      begins), "plain" (as it stands), or "auto": "chat" where there is a
      template.
    system: of a chat; "" for the template's own, or none.
    text: what is said; `{problem}` stands for the problem.
  """

  style: Literal["auto", "chat", "plain"] = "auto"
  system: str = ""
  text: str = _PLACE

  def __post_init__(self):
    if self.text.count(_PLACE) != 1:
      raise errors.UserError(
        f"prompt.text: must hold {_PLACE} once, got {self.text!r}"
      )


@dataclasses.dataclass(frozen=True, eq=False)
class PublicNotation:
  """See `notation.Notation`.

  Attributes:
    tokenizer: of the checkpoint.
    eos_ids: each ends a solution.
    prompt: how a problem is put.
    step_strings: each ends a step.
    stop_strings: each ends a solution.
    max_step_tokens: a step of so many tokens ends there; 0: none does.
    model_vocab: ids of the model, where they are more than the tokenizer's.
  """

  tokenizer: hf_tokenizer.HfTokenizer
  eos_ids: tuple[int, ...]
  prompt: PromptFormat = PromptFormat()
  step_strings: tuple[str, ...] = (BLANK_LINE,)
  stop_strings: tuple[str, ...] = ()
  max_step_tokens: int = 0
  model_vocab: int = 0

  def __post_init__(self):
    if not self.eos_ids:
      raise errors.UserError(
        f"{self.tokenizer.where}: eos_token_id: neither generation_config.json "
        "nor the tokenizer says what ends a text"
      )

  @property
  def backend(self) -> Any:
    return self.tokenizer.backend

  @property
  def vocab_size(self) -> int:
    return max(self.tokenizer.vocab_size, self.model_vocab)

  @property
  def pad_id(self) -> int:
    """An id that says nothing."""
    own = self.tokenizer.pad_id
    return self.eos_ids[0] if own is None else own

  def encode_prompt(self, text: str) -> list[int]:
    said = self.prompt.text.replace(_PLACE, text)
    has_template = self.tokenizer.template is not None
    if self.prompt.style == "plain" or (
      self.prompt.style == "auto" and not has_template
    ):
      return self._without_end(self.tokenizer.encode_whole(said))
    messages = [{"role": "user", "content": said}]
    if self.prompt.system:
      messages.insert(0, {"role": "system", "content": self.prompt.system})
    return self.tokenizer.encode_chat(messages, add_generation_prompt=True)

  def _without_end(self, ids: list[int]) -> list[int]:
    """Some tokenizers close every text, and this one goes on."""
    while ids and ids[-1] in self.eos_ids:
      ids = ids[:-1]
    return ids

  def encode_steps(self, steps: Sequence[str]) -> list[int]:
    """Ids of steps after a prompt, each closed by the first delimiter.

    Raises:
      UserError: they hold a token that ends a solution.
    """
    ids = self.tokenizer.encode(
      "".join(step + self.step_strings[0] for step in steps)
    )
    if any(end in ids for end in self.eos_ids):
      raise errors.UserError("steps: hold a token that ends a solution")
    return ids

  @functools.cached_property
  def token_bytes(self) -> list[bytes]:
    """What each id writes."""
    return token_bytes.of(self.tokenizer.backend, self.vocab_size)

  @functools.cached_property
  def step_ends(self) -> delimiters.Automaton:
    """Finds the ends of steps."""
    return self._automaton(self.step_strings)

  @functools.cached_property
  def solution_ends(self) -> delimiters.Automaton:
    """Finds the ends of solutions: end tokens and stop strings."""
    if not self.stop_strings:
      return delimiters.single_tokens(self.eos_ids, self.vocab_size)
    found = self._automaton(self.stop_strings)
    found.hit[:, list(self.eos_ids)] = True
    return found

  def _automaton(self, strings: Sequence[str]) -> delimiters.Automaton:
    patterns = [string.encode() for string in strings]
    return delimiters.byte_strings(patterns, self.token_bytes)

  def read_steps(
    self, tokens: Sequence[int] | np.ndarray
  ) -> tuple[list[str], bool]:
    """Steps as the decoder counts them, stripped; empty ones are dropped.

    What stands behind a delimiter inside its token is text of the next step,
    once there is one.
    """
    steps: list[str] = []
    current, rest = b"", b""
    state = stop = count = 0
    finished = False
    for token in np.asarray(tokens).tolist():
      finished = bool(self.solution_ends.hit[stop, token])
      if token in self.eos_ids:
        break
      current += self.token_bytes[token]
      count += 1
      if finished:
        break
      stop = int(self.solution_ends.next_state[stop, token])
      if self.step_ends.hit[state, token]:
        whole, rest = self._split(current, len(self.token_bytes[token]))
        steps.append(_text(whole))
        current, state, count = rest, 0, 0
        continue
      state = int(self.step_ends.next_state[state, token])
      if count == self.max_step_tokens:
        steps.append(_text(current))
        current, state, count = b"", 0, 0
    if count or finished:
      steps.append(_text(current))
    return [step for step in steps if step], finished

  def _split(self, text: bytes, last: int) -> tuple[bytes, bytes]:
    """Before the first delimiter that ends in the `last` bytes, and behind."""
    found = []
    for string in self.step_strings:
      pattern = string.encode()
      start = max(len(text) - last - len(pattern) + 1, 0)
      place = text.find(pattern, start)
      if place >= 0:
        found.append((place + len(pattern), place))
    end, place = min(found)
    return text[:place], text[end:]


def _text(written: bytes) -> str:
  return written.decode(errors="replace").strip()
