"""What tasks of real text share: graded answers, and nothing exact.

Their problems stand in files, their answers are compared by `grading`. There
is no oracle and no tokenizer: whoever asks for one is told so.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from prm_jax import errors
from prm_jax.tasks import answers, base, grading
from prm_jax.text import tokenizer as tokenizer_lib


@dataclasses.dataclass(frozen=True)
class Config:
  """What every task of text has.

  Attributes:
    problems: file (or folder, where the task says so) with the problems.
    rules: where the answer stands, tried in turn, see `answers`.
    max_steps: of a solution.
    max_step_tokens: of a step.
    seconds: processor time of one comparison.
    memory_mb: address space of a comparing process.
    num_workers: comparing processes.
  """

  problems: str = ""
  rules: tuple[str, ...] = ("boxed", "hashes", "answer_is")
  max_steps: int = 40
  max_step_tokens: int = 256
  seconds: float = 3.0
  memory_mb: int = 1024
  num_workers: int = 2

  def __post_init__(self):
    for name in ("max_steps", "max_step_tokens"):
      if getattr(self, name) < 1:
        raise errors.UserError(f"task.{name}: must be at least 1")
    answers.check_rules(self.rules, "task.rules")


class TextTask:
  """Base of the tasks; a subclass reads problems.

  Attributes:
    grader: compares the answers, and counts what it could not tell.
  """

  name = "text"
  step_gap = "\n\n"  # between the steps of a solution

  def __init__(self, config: Config):
    self.config = config
    self.max_steps = config.max_steps
    self.max_step_tokens = config.max_step_tokens
    limits = grading.Config(
      config.seconds, config.memory_mb, config.num_workers
    )
    self.grader = grading.Grader(limits)

  def problems(self, split: base.Split) -> Iterator[base.Problem]:
    raise NotImplementedError

  def verify(self, problem: base.Problem, steps: Sequence[str]) -> base.Verdict:
    return self.verify_all([(problem, steps)])[0]

  def verify_all(
    self, attempts: Sequence[tuple[base.Problem, Sequence[str]]]
  ) -> list[base.Verdict]:
    """Many at a time, shared out to all comparing processes.

    An answer is a form that equal answers share, whatever the reference is.
    """
    texts = [self.step_gap.join(steps) for _, steps in attempts]
    found = [answers.extract(text, self.config.rules) for text in texts]
    canonical = self.grader.canonical_all(found)
    golds = [problem.answer for problem, _ in attempts]
    judged = [i for i, gold in enumerate(golds) if gold is not None]
    grades = self.grader.grade_all([(golds[i] or "", found[i]) for i in judged])
    by_attempt = dict(zip(judged, grades, strict=True))
    return [
      self._verdict(golds[i], canonical[i], by_attempt.get(i))
      for i in range(len(attempts))
    ]

  def _verdict(
    self, gold: str | None, answer: str | None, grade: grading.Grade | None
  ) -> base.Verdict:
    if answer is None:
      rules = ", ".join(self.config.rules)
      told = f"no answer found by {rules}"
      return base.Verdict(False, None, told, known=gold is not None)
    if grade is None:
      told = "there is no reference answer"
      return base.Verdict(False, answer, told, known=False)
    reason = f"the answer {answer} {grade.reason}"
    if not grade.correct:
      reason = f"{reason}, {gold}"
    known = grade.outcome not in grading.UNKNOWN
    return base.Verdict(grade.correct, answer, reason, known)

  def tokenizer(self) -> tokenizer_lib.Tokenizer:
    raise errors.UserError(
      f"task.name: {self.name!r} has no tokenizer of its own: start from a "
      "checkpoint"
    )

  def oracle(
    self, problem: base.Problem, steps: Sequence[str]
  ) -> base.StepTruth:
    raise errors.UserError(
      f"task.name: {self.name!r} has no oracle: which steps of a text are "
      "right is not known"
    )

  def value(self, problem: base.Problem, steps: Sequence[str]) -> float:
    raise errors.UserError(
      f"task.name: {self.name!r} has no exact values; estimate them with "
      "rollouts of a policy"
    )

  def demonstrations(
    self, problem: base.Problem, rng: np.random.Generator, num: int
  ) -> list[list[str]]:
    raise errors.UserError(f"task.name: {self.name!r} has no demonstrations")
