"""GSM8K (arXiv 2110.14168): grade-school problems; answers behind `####`."""

import dataclasses
import hashlib
import re
from typing import Literal

from prm_jax import errors
from prm_jax.tasks import answers, base, question_files, solved_text, text_task
from prm_jax.text import segments

NAME = "gsm8k"
MARK = "####"
_CALCULATOR = re.compile(r"<<[^<>]*>>")
_TOLD = (
  "train.jsonl and test.jsonl of GSM8K are in grade_school_math/data of "
  "github.com/openai/grade-school-math"
)


def without_calculator(text: str) -> str:
  """The text without its calculator spans; what they gave stays."""
  return _CALCULATOR.sub("", text)


def split_answer(text: str) -> tuple[str, str]:
  """Working and final answer, without the commas of `1,000`.

  Raises:
    UserError: no mark, or nothing behind the last one.
  """
  answer = (answers.after_hashes(text) or "").replace(",", "")
  if not answer:
    raise errors.UserError(f"answer: no {MARK!r} with an answer behind it")
  return text.rpartition(MARK)[0], answer


@dataclasses.dataclass(frozen=True)
class Config(text_task.Config):
  """What a user can set; more in `text_task.Config`.

  Attributes:
    rules: see there; `last_number` is the lenient one of other harnesses.
    calculator: whether demonstrations keep the spans `<<16-3-4=9>>`.
  """

  rules: tuple[str, ...] = ("hashes", "boxed", "answer_is")
  calculator: Literal["keep", "remove"] = "remove"


class Gsm8k(solved_text.SolvedText):
  """The task; a step is a line, the last one of a solution `#### 18`."""

  name = NAME
  step_gap = "\n"

  def __init__(self, config: Config = Config()):
    super().__init__(config)
    self._calculator = config.calculator

  def source(self) -> question_files.Source:
    return question_files.Source(self._parse, _TOLD)

  def _parse(
    self, row: question_files.Row, place: str
  ) -> question_files.Solved:
    question = question_files.text_of(row, "question", place)
    solution = question_files.text_of(row, "answer", place)
    try:
      working, answer = split_answer(solution)
    except errors.UserError as error:
      raise errors.UserError(f"{place}: {error}") from None
    if self._calculator == "remove":
      working = without_calculator(working)
    lines = segments.split(working, "newline").steps
    digest = hashlib.sha256(question.encode()).hexdigest()[:16]
    problem = base.Problem(f"{NAME}/{digest}", NAME, question, answer)
    return question_files.Solved(problem, [*lines, f"{MARK} {answer}"])
