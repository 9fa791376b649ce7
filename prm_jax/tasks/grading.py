"""Whether two answers are the same, by strings, numbers, then algebra.

What cheap rules (`literals`, `forms`) cannot decide is asked of math-verify in
a process with limits of time and memory (`grading_pool`). An answer that
cannot be read or takes too long is no error but an outcome: wrong, and counted
as unknown, since it may be a false negative (arXiv 2505.22203).

The order matters: the reference comes first. A reference `x<3` accepts the
answer `(-oo,3)`, a reference `(-oo,3)` does not accept `x<3`, for a problem
whose reference is an interval asks for one; `any_set_relation` accepts both.
"""

import collections
import dataclasses
import threading
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from prm_jax import errors
from prm_jax.tasks import forms, grading_pool, literals

Outcome: TypeAlias = Literal[
  "equal",
  "different",
  "no answer",
  "too long",
  "unparsable",
  "timeout",
  "memory",
  "crash",
]
# Nothing is known about these answers, though they count as wrong.
UNKNOWN: frozenset[Outcome] = frozenset(
  ("too long", "unparsable", "timeout", "memory", "crash")
)
_REASONS: Mapping[Outcome, str] = {
  "equal": "is the reference",
  "different": "is not the reference",
  "no answer": "holds no answer",
  "too long": "is too long to be compared",
  "unparsable": "cannot be read as a formula",
  "timeout": "took too long to compare",
  "memory": "took too much memory to compare",
  "crash": "made the comparing process crash",
}
_REMEMBERED = 1 << 16


@dataclasses.dataclass(frozen=True)
class Config:
  """Limits of grading.

  Attributes:
    seconds: processor time of one comparison.
    memory_mb: address space of a comparing process.
    num_workers: comparing processes.
    most_characters: longer answers are not compared.
    any_set_relation: an interval and the inequality it solves are the same
      whichever of them is the reference.
  """

  seconds: float = 3.0
  memory_mb: int = 1024
  num_workers: int = 2
  most_characters: int = 1000
  any_set_relation: bool = False

  def __post_init__(self):
    for name in ("seconds", "memory_mb", "num_workers", "most_characters"):
      if getattr(self, name) <= 0:
        raise errors.UserError(f"grading.{name}: must be more than 0")


class Grade(NamedTuple):
  """Judgement of one answer."""

  correct: bool
  outcome: Outcome
  reason: str


def _grade(outcome: Outcome) -> Grade:
  return Grade(outcome == "equal", outcome, _REASONS[outcome])


class Grader:
  """Compares answers; processes start when the first one needs them.

  Attributes:
    counts: answers by outcome, each answer given counted.
  """

  def __init__(self, config: Config = Config()):
    self.config = config
    self.counts: collections.Counter[Outcome] = collections.Counter()
    self._pool = grading_pool.Pool(
      config.num_workers, config.seconds, config.memory_mb
    )
    self._lock = threading.Lock()  # of the pool and what is remembered
    self._outcomes: dict[tuple[str, str], Outcome] = {}
    self._canonical: dict[str, str] = {}

  def grade(self, gold: str, answer: str | None) -> Grade:
    return self.grade_all([(gold, answer)])[0]

  def grade_all(self, pairs: Sequence[tuple[str, str | None]]) -> list[Grade]:
    """One grade for each (reference, answer), shared out to all processes."""
    with self._lock:
      keys = [self._key(gold, answer) for gold, answer in pairs]
      asked = [k for k in dict.fromkeys(keys) if k not in self._outcomes]
      found = {key: self._cheap(*key) for key in asked}
      hard = [key for key in asked if found[key] is None]
      requests = [
        {
          "op": "equal",
          "gold": gold,
          "answer": answer,
          "any_set_relation": self.config.any_set_relation,
        }
        for gold, answer in hard
      ]
      for key, reply in zip(hard, self._pool.ask(requests), strict=True):
        found[key] = reply["outcome"]
      _forget(self._outcomes)
      self._outcomes.update({k: o for k, o in found.items() if o is not None})
      grades = [_grade(self._outcomes[key]) for key in keys]
      self.counts.update(grade.outcome for grade in grades)
      return grades

  def canonical(self, answer: str | None) -> str | None:
    return self.canonical_all([answer])[0]

  def canonical_all(self, answers: Sequence[str | None]) -> list[str | None]:
    """A text per class of equal answers, for votes; None for no answer.

    It does not depend on any reference, nor on the other answers: votes must
    not learn from the grader which rows are right. What algebra cannot read
    in time stands for itself.
    """
    with self._lock:
      texts = [answer and literals.normalise(answer) for answer in answers]
      asked = [
        text
        for text in dict.fromkeys(texts)
        if text and text not in self._canonical
      ]
      cheap = {text: self._cheap_canonical(text) for text in asked}
      hard = [text for text in asked if cheap[text] is None]
      requests = [{"op": "canonical", "answer": text} for text in hard]
      replies = zip(hard, self._pool.ask(requests), strict=True)
      algebra = {text: reply.get("canonical") for text, reply in replies}
      _forget(self._canonical)
      self._canonical.update(
        {text: cheap[text] or algebra[text] or text for text in asked}
      )
      return [self._canonical[text] if text else None for text in texts]

  def pids(self) -> list[int]:
    """Ids of the processes that run."""
    return self._pool.pids()

  @property
  def num_restarts(self) -> int:
    """Processes that were lost to an answer."""
    return self._pool.num_restarts

  def close(self) -> None:
    with self._lock:
      self._pool.close()

  def __enter__(self) -> "Grader":
    return self

  def __exit__(self, *_: object) -> None:
    self.close()

  def _key(self, gold: str, answer: str | None) -> tuple[str, str]:
    return literals.normalise(gold), literals.normalise(answer or "")

  def _cheap(self, gold: str, answer: str) -> Outcome | None:
    """The outcome, or None where algebra has to tell."""
    if not answer:
      return "no answer"
    if len(answer) > self.config.most_characters:
      return "too long"
    same = forms.same(gold, answer)
    if same is None:
      return None
    return "equal" if same else "different"

  def _cheap_canonical(self, text: str) -> str | None:
    if len(text) > self.config.most_characters:
      return text
    return forms.canonical(text)


def _forget(remembered: dict) -> None:
  if len(remembered) > _REMEMBERED:
    remembered.clear()
