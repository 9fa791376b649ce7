r"""MATH (arXiv 2103.03874) and MATH-500; answers in the last `\boxed{}`."""

import dataclasses
import hashlib

from prm_jax import errors
from prm_jax.tasks import answers, base, question_files, solved_text, text_task
from prm_jax.text import segments

NAME = "math"
_TOLD = (
  "MATH-500 is prm800k/math_splits/test.jsonl of github.com/openai/prm800k, "
  "MATH the folder of github.com/hendrycks/math"
)


@dataclasses.dataclass(frozen=True)
class Config(text_task.Config):
  """What a user can set; see `text_task.Config`."""

  rules: tuple[str, ...] = ("boxed", "answer_is")
  max_step_tokens: int = 512


class Math(solved_text.SolvedText):
  """The task; steps are parted by blank lines."""

  name = NAME

  def __init__(self, config: Config = Config()):
    super().__init__(config)

  def source(self) -> question_files.Source:
    return question_files.Source(_parse, _TOLD)


def _parse(row: question_files.Row, place: str) -> question_files.Solved:
  text = question_files.text_of(row, "problem", place)
  solution = question_files.text_of(row, "solution", place)
  answer = row.get("answer") or answers.last_boxed(solution)
  if not isinstance(answer, str) or not answer:
    raise errors.UserError(f"{place}: solution: no \\boxed answer")
  own = row.get("unique_id")
  name = own if isinstance(own, str) else _digest(text)
  problem = base.Problem(
    id=f"{NAME}/{name}",
    task=NAME,
    prompt=text,
    answer=answer,
    meta={
      "subject": row.get("subject") or row.get("type"),
      "level": row.get("level"),
    },
  )
  steps = segments.split(solution, "blank_line").steps
  return question_files.Solved(problem, solved_text.closed(steps, place))


def _digest(text: str) -> str:
  return hashlib.sha256(text.encode()).hexdigest()[:16]
