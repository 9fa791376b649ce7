"""Verifiers that write: what they are asked and how they judge a step.

Each step is a user's turn of a chat. The assistant reasons about it and ends
with a judgement in a box; the verdicts on earlier steps stay in the chat. What
runs code is not here: a model's code is text like any other.
"""

import dataclasses
from collections.abc import Sequence

from prm_jax import errors
from prm_jax.text import hf_tokenizer


@dataclasses.dataclass(frozen=True)
class Style:
  """Words of a generative verifier; the `*_end` strings end what it writes.

  Attributes:
    name: for `--format`.
    models: known checkpoints.
    system: system message where it reasons.
    direct_system: the same where it judges without a word.
    first: what stands before the first step; `{question}`.
    analysis: begins a rationale; `{index}` of the step counts from 1.
    analysis_end: closes it.
    code: begins a program that checks the step.
    code_end: closes it.
    output: what the program printed, `{output}`.
    verdict: what stands right before the verdict, in the assistant's turn.
    verdict_end: the last of it, by which a verdict is known that the model
      came to by itself.
    closing: behind the verdict.
    yes, no: the verdicts, one token each.
    split: where a solution that comes as one text is cut.
    aggregate: solution score, see `search.aggregate`.
    source: where all this is told.
  """

  name: str
  models: tuple[str, ...]
  system: str
  direct_system: str
  first: str
  analysis: str
  analysis_end: str
  code: str
  code_end: str
  output: str
  verdict: str
  verdict_end: str
  closing: str
  yes: str = "Yes"
  no: str = "No"
  split: str = "\n\n"
  aggregate: str = "min"
  source: str = ""


GENPRM = Style(
  name="genprm",
  models=("GenPRM/GenPRM-1.5B", "GenPRM/GenPRM-7B", "GenPRM/GenPRM-32B"),
  system=(
    "You are a math teacher. Your task is to review and critique the "
    "paragraphs in solution step by step."
  ),
  direct_system=(
    "You are a math teacher. Your task is to review and critique the "
    "paragraphs in solution directly. Output your judgement in the format of "
    "`\\boxed{Yes}` if the paragraph is correct, or `\\boxed{No}` if the "
    "paragraph is incorrect."
  ),
  first="Question: {question}\n\n",
  analysis="<analyze>\nLet's analyze the Paragraph {index} step by step: ",
  analysis_end="</analyze>\n",
  code=(
    "<verify>\nLet's use python code to find any potential error:\n```python\n"
  ),
  code_end="\n```\n",
  output="[Code Output]\n\n```\n{output}\n```\n",
  verdict="<output>\n**Judgement**: $\\boxed{",
  verdict_end="**Judgement**: $\\boxed{",
  closing="}$\n</output>\n",
  source="RyanLiu112/GenPRM:README and src/prm_evaluation; arXiv 2504.00891",
)
# As the authors' evaluation script joins the problem and the first step.
GENPRM_LINE = dataclasses.replace(
  GENPRM, name="genprm-line", first="{question}\n"
)

STYLES = {style.name: style for style in (GENPRM, GENPRM_LINE)}


@dataclasses.dataclass(frozen=True)
class Chat:
  """A style bound to a tokenizer.

  Attributes:
    style: the words.
    tokenizer: of the checkpoint; has a chat template.
    system: system message.
  """

  style: Style
  tokenizer: hf_tokenizer.HfTokenizer
  system: str

  @property
  def verdict_ids(self) -> tuple[int, int]:
    """Of the tokens no and yes; UserError where they are several."""
    where = f"format {self.style.name}: verdict"
    return (
      self.tokenizer.single_id(self.style.no, where),
      self.tokenizer.single_id(self.style.yes, where),
    )

  def ask(
    self, question: str, steps: Sequence[str], said: Sequence[str]
  ) -> list[int]:
    """Tokens up to where the assistant speaks of the last step.

    Args:
      question: the problem.
      steps: up to the one that is asked about.
      said: what the assistant said of each before, one fewer.

    Raises:
      UserError: no template, or one that fails.
    """
    turns = [self.style.first.format(question=question) + steps[0], *steps[1:]]
    messages = [{"role": "system", "content": self.system}]
    for turn, answer in zip(turns, [*said, None], strict=True):
      messages.append({"role": "user", "content": turn})
      if answer is not None:
        messages.append({"role": "assistant", "content": answer})
    return self.tokenizer.encode_chat(messages, add_generation_prompt=True)


def kept(steps: Sequence[str]) -> list[str]:
  """The steps without empty ones at the end.

  Raises:
    UserError: no step is left, or one between is empty.
  """
  texts = list(steps)
  while texts and not texts[-1].strip():
    texts.pop()
  if not texts:
    raise errors.UserError("steps: there are none")
  for index, text in enumerate(texts):
    if not text.strip():
      raise errors.UserError(f"steps[{index}]: the step is empty")
  return texts


def program(style: Style, text: str) -> str:
  """The last program in the text, from what opens its block to its end."""
  opening = style.code.rsplit("\n", 2)[-2] + "\n"
  found = text[text.rfind(opening) + len(opening) :]
  return found.split(style.code_end)[0]
