"""Many searches at the same time, their questions answered together.

A search is a generator: it yields a list of questions, is sent the answers and
returns what it found. Each round gathers what all open searches ask, so that
an accelerator answers it in one go, however little one search asks.
"""

from collections.abc import Callable, Generator, Sequence
from typing import TypeAlias, TypeVar

QuestionT = TypeVar("QuestionT")
AnswerT = TypeVar("AnswerT")
FoundT = TypeVar("FoundT")
Search: TypeAlias = Generator[list[QuestionT], list[AnswerT], FoundT]


def run(
  searches: Sequence[Search[QuestionT, AnswerT, FoundT]],
  answer_fn: Callable[[list[tuple[int, QuestionT]]], Sequence[AnswerT]],
) -> list[FoundT]:
  """Runs searches to their ends.

  Args:
    searches: [n], not begun yet.
    answer_fn: one call per round: (index of the search, question) pairs to
      one answer each. A search that asks nothing in a round gets no answers.

  Returns:
    [n] what each has found.
  """
  found: dict[int, FoundT] = {}
  sent: dict[int, list[AnswerT] | None] = dict.fromkeys(range(len(searches)))
  while sent:
    asked: list[tuple[int, QuestionT]] = []
    sizes = {}
    for index, answers in sent.items():
      try:
        # A generator that is not begun yet takes nothing but None.
        questions = searches[index].send(answers)  # type: ignore[arg-type]
      except StopIteration as stop:
        found[index] = stop.value
      else:
        sizes[index] = len(questions)
        asked += [(index, question) for question in questions]
    given = iter(answer_fn(asked) if asked else ())
    sent = {i: [next(given) for _ in range(n)] for i, n in sizes.items()}
  return [found[index] for index in range(len(searches))]


def together(
  searches: Sequence[Search[QuestionT, AnswerT, FoundT]],
) -> Search[QuestionT, AnswerT, list[FoundT]]:
  """One search that is all of these, side by side; equal questions once."""
  found: dict[int, FoundT] = {}
  sent: dict[int, list[AnswerT] | None] = dict.fromkeys(range(len(searches)))
  while sent:
    asked: dict[int, list[QuestionT]] = {}
    for index, answers in sent.items():
      try:
        asked[index] = searches[index].send(answers)  # type: ignore[arg-type]
      except StopIteration as stop:
        found[index] = stop.value
    every = list(dict.fromkeys(q for part in asked.values() for q in part))
    known = dict(zip(every, (yield every) if every else [], strict=True))
    sent = {i: [known[q] for q in part] for i, part in asked.items()}
  return [found[index] for index in range(len(searches))]
