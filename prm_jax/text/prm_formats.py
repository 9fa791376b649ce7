"""What a public process reward model reads and where it is read.

A format is one frozen row; `prm_table` lists them, `prm_encoding` makes tokens
of a row, a problem and its steps, and `checkpoint.prm` loads the weights.
"""

import dataclasses
from typing import Literal, TypeAlias

from prm_jax import errors

Chat: TypeAlias = Literal["none", "answer", "turns"]
Joining: TypeAlias = Literal["string", "spans", "tokens", "bounded", "prefixes"]
Unit: TypeAlias = Literal["step", "solution"]
Bos: TypeAlias = Literal["tokenizer", "none", "always"]
Truncation: TypeAlias = Literal["left", "none"]
Transform: TypeAlias = Literal["softmax", "sigmoid", "raw", "tanh"]


@dataclasses.dataclass(frozen=True)
class Head:
  """What turns a hidden state into numbers.

  Attributes:
    layers: names of the linear layers in the checkpoint, with ReLU between
      them. Empty: the columns of the LM head that belong to `candidates`.
    candidates: texts of one token each, wrong ones first.
    on_logits: the layer reads the LM head's logits, not the hidden state.
    gain, bias: names of two scalars; the layer reads gain * hidden + bias.
    outputs: of the last layer; 0: as many as it has.
    transform: of the outputs: "softmax" gives the probability of the `good`
      classes, the others work on the first output.
    good: classes that count as right.
    scale: the output is divided by it first.
    reference: of an implicit model, which has no head: the checkpoint whose
      log-probabilities are taken off its own.
    beta: of an implicit model; 0: it is none.
  """

  layers: tuple[str, ...] = ()
  candidates: tuple[str, ...] = ()
  on_logits: bool = False
  gain: str = ""
  bias: str = ""
  outputs: int = 0
  transform: Transform = "softmax"
  good: tuple[int, ...] = (1,)
  scale: float = 1.0
  reference: str = ""
  beta: float = 0.0


@dataclasses.dataclass(frozen=True)
class Format:
  """One way to show a solution to a model and to read it.

  Attributes:
    name: for `--format`.
    head: what is read.
    models: known checkpoints.
    architectures: of config.json, by which the format is found; several
      formats may share one and then have to be named.
    prompt: what stands before the first step, or the user's message;
      `{question}` and, where it is text, `{bos}`; `{answer}` where the model
      may be shown a reference answer.
    no_answer: stands for `{answer}` where none is shown.
    system: system message; None: none is given, and the template may write
      its own.
    chat: "none": plain text; "answer": the steps are the assistant's message;
      "turns": a user's turn per step, each answered by `sign`.
    number: put before a step that does not begin so already; `{index}` counts
      from 1.
    strip: steps lose the blanks around them.
    split: where a solution that comes as one text is cut.
    inner: text inside a step that becomes the tag too.
    tag: closes a step.
    tag_token: text of the token that is read, where the joining is "string";
      "": the tag itself.
    separator: between a tag and the next step; in turns, between the problem
      and the first step.
    sign: the assistant's answer in turns, one token.
    joining: "string": one text, tokenised once, tags found by their id;
      "spans": one text as well, read at the token of each step's last
      character; "tokens": pieces tokenised apart; "bounded": the pad token
      parts the steps for the tokeniser and is taken out for the model;
      "prefixes": a text of its own per step, the steps so far tokenised apart
      from what stands before, and the EOS token, which is read.
    bos: "tokenizer": what tokenizer files say; "always": the BOS token if
      there is one; "none": what the text itself has.
    unit: "step": a score per step; "solution": one, at the last token.
    offset: 0: at the tag (or sign, or last token); -1: one before.
    ends_open: no tag follows the last step, which is read at its end.
    max_tokens: context the model was made for; 0: what config.json says.
    truncation: what reference code does with longer texts.
    aggregate: solution score of the authors, see `search.aggregate`.
    prefix_stable: tokens up to a read position stay when steps are added, so
      that a search may keep its cache. Where it is false, all is read again.
    source: where the format is told.
    note: what to know when scores are compared.
  """

  name: str
  head: Head
  models: tuple[str, ...] = ()
  architectures: tuple[str, ...] = ()
  prompt: str = "{question}"
  no_answer: str = ""
  system: str | None = None
  chat: Chat = "none"
  number: str = ""
  strip: bool = False
  split: str = "\n\n"
  inner: str = ""
  tag: str = ""
  tag_token: str = ""
  separator: str = ""
  sign: str = ""
  joining: Joining = "string"
  bos: Bos = "tokenizer"
  unit: Unit = "step"
  offset: int = 0
  ends_open: bool = False
  max_tokens: int = 0
  truncation: Truncation = "none"
  aggregate: str = "min"
  prefix_stable: bool = True
  source: str = ""
  note: str = ""

  def __post_init__(self):
    if self.offset not in (0, -1):
      raise ValueError(f"{self.name}: offset {self.offset} is neither 0 nor -1")
    if self.chat == "turns" and not self.sign:
      raise ValueError(f"{self.name}: turns need a sign")
    if (
      self.joining == "string"
      and self.unit == "step"
      and not (self.tag or self.sign)
    ):
      raise ValueError(f"{self.name}: steps in a string need a tag")


def with_joining(fmt: Format, joining: str) -> Format:
  """The format with its steps joined another way; "" leaves it as it is.

  Raises:
    UserError: the format has only one way.
  """
  if joining in ("", fmt.joining):
    return fmt
  ways: dict[str, Joining] = {"string": "string", "tokens": "tokens"}
  is_free = fmt.joining in ways and fmt.chat != "turns" and fmt.tag != ""
  if joining not in ways or not is_free:
    raise errors.UserError(
      f"joining: {joining!r} is not a way to join steps of {fmt.name}, which "
      f"has {fmt.joining!r}"
    )
  return dataclasses.replace(fmt, joining=ways[joining])
