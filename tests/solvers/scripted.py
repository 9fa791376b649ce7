"""Writers and scorers without a model; a token is a word."""

import zlib
from collections.abc import Callable, Sequence

import numpy as np

from prm_jax.data import records
from prm_jax.solvers import writers, writing
from prm_jax.tasks import base as tasks
from prm_jax.tasks import chain as chain_lib


def solution(problem, steps, answer=None, correct=False) -> records.Solution:
  return records.Solution(problem.id, tuple(steps), answer, correct)


def num_words(steps: Sequence[str]) -> int:
  return len(" ".join(steps).split())


class Script:
  """Writes what a function of the prompt says and remembers the prompts."""

  def __init__(self, write: Callable[[writing.Prompt], records.Solution]):
    self.write = write
    self.seen: list[writing.Prompt] = []

  def __call__(self, prompts):
    assert len(prompts) > 0
    self.seen += prompts
    return [self._one(prompt) for prompt in prompts]

  def _one(self, prompt):
    written = self.write(prompt)
    new = num_words(written.steps) - num_words(prompt.kept)
    read = len(writers.in_context(prompt).split())
    return writing.Written(written, writing.Spent(new, read))


class Scores:
  """Scores steps by a function of problem and solution; a token a step."""

  def __init__(self, steps: Callable[..., Sequence[float]]):
    self.steps = steps

  def __call__(self, problems, solutions):
    assert len(problems) == len(solutions) > 0
    return [
      writing.Scored(
        tuple(self.steps(problem, solution)),
        writing.Spent(verifier_tokens=len(solution.steps)),
      )
      for problem, solution in zip(problems, solutions, strict=True)
    ]


def chain_writer(task: chain_lib.Chain) -> Script:
  """The task's generator without recoveries, from the kept steps on."""
  assert task.config.recovery_rate == 0

  def write(prompt: writing.Prompt) -> records.Solution:
    seed = [zlib.crc32(prompt.problem.id.encode()), prompt.draw]
    rng = np.random.default_rng(seed)
    terms, modulus = (
      prompt.problem.meta["terms"],
      prompt.problem.meta["modulus"],
    )
    steps = list(prompt.kept)
    written = int(steps[-1].split()[-1]) if steps else terms[0]
    for index in range(len(steps), len(terms) - 1):
      true = sum(terms[: index + 2]) % modulus
      ok = written == sum(terms[: index + 1]) % modulus
      right = (written + terms[index + 1]) % modulus
      wrong = ok and rng.random() < task.config.error_rate
      result = (
        int(true + rng.integers(1, modulus)) % modulus if wrong else right
      )
      steps.append(f"{written} + {terms[index + 1]} = {result}")
      written = result
    ok = written == sum(terms) % modulus
    answer = written if ok else int(rng.integers(modulus))
    return _judged(task, prompt.problem, [*steps, f"= {answer}"])

  return Script(write)


def _judged(
  task: tasks.Task, problem: tasks.Problem, steps: Sequence[str]
) -> records.Solution:
  verdict = task.verify(problem, steps)
  return solution(problem, steps, verdict.answer, verdict.correct)


def valid(task: tasks.Task) -> Scores:
  """The exact judge of steps."""
  return Scores(
    lambda problem, one: [
      float(x) for x in task.oracle(problem, one.steps).valid
    ]
  )


def truth() -> Scores:
  """The exact outcome verifier."""
  return Scores(lambda problem, one: [float(bool(one.correct))])
