"""Compiled solvers and value models as the callables of `writing`."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax
import numpy as np

from prm_jax import errors
from prm_jax.data import records
from prm_jax.decode import score
from prm_jax.models import lm
from prm_jax.solvers import prompts as prompts_lib
from prm_jax.solvers import rollouts, writing
from prm_jax.tasks import base as tasks
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib
from prm_jax.types import Params

TextFn: TypeAlias = Callable[[writing.Prompt], str]


def forgetful(prompt: writing.Prompt) -> str:
  """The problem and the steps that are kept; nothing of earlier attempts.

  For policies that have not learnt to read attempts: what they write from
  here follows exactly their own law after these steps.
  """
  return prompts_lib.with_steps(prompt.problem.prompt, prompt.kept)


def in_context(prompt: writing.Prompt) -> str:
  """Earlier solutions, each after its problem, then notes, then the problem.

  For policies that were trained on such texts, oldest attempt first.
  """
  seen = [
    prompts_lib.with_steps(prompt.problem.prompt, solution.steps)
    for solution in prompt.seen
  ]
  notes = prompts_lib.with_steps("", prompt.notes)
  return " ".join(filter(None, [*seen, notes, forgetful(prompt)]))


@dataclasses.dataclass(frozen=True)
class Writer:
  """A `writing.WriteFn` that samples one row per prompt.

  An attempt's key comes from its problem's id, its draw and the series. Draw
  0 of no series has the problem's own key, so a draft is what plain sampling
  writes, token for token.

  Attributes:
    searching: plain sampling of one row; its prompt slots have to hold what
      `text_fn` makes.
    task: judges, for the record.
    tokenizer: of the policy.
    text_fn: a prompt as the policy reads it; it ends with the problem's prompt
      and the steps that are kept.
    series: keeps apart the draws of writers that share problems.
    source: name of the policy in the records.
  """

  searching: rollouts.Sampler
  task: tasks.Task
  tokenizer: tokenizer_lib.Tokenizer
  text_fn: TextFn = forgetful
  series: str = ""
  source: str = "policy"

  def __call__(
    self, prompts: Sequence[writing.Prompt]
  ) -> list[writing.Written]:
    asked = [self._ask(prompt) for prompt in prompts]
    solved = self.searching.solve(asked)
    if solved.length.shape[1] != 1:
      raise ValueError(f"a writer samples one row, not {solved.length.shape}")
    return [
      self._read(prompt, problem, solved.tokens[i, 0, : solved.length[i, 0]])
      for i, (prompt, problem) in enumerate(zip(prompts, asked, strict=True))
    ]

  def _ask(self, prompt: writing.Prompt) -> tasks.Problem:
    draw = str(prompt.draw or "")
    return dataclasses.replace(
      prompt.problem,
      id="#".join(filter(None, (prompt.problem.id, self.series, draw))),
      prompt=self.text_fn(prompt),
    )

  def _read(
    self, prompt: writing.Prompt, asked: tasks.Problem, tokens: np.ndarray
  ) -> writing.Written:
    rest, finished = steps_lib.decode_steps(self.tokenizer, tokens)
    steps = (*prompt.kept, *rest)
    verdict = tasks.Verdict(False, None, "not finished")
    if finished:
      verdict = self.task.verify(prompt.problem, steps)
    kept = prompts_lib.with_steps("", prompt.kept)
    solution = records.Solution(
      problem_id=prompt.problem.id,
      steps=steps,
      answer=verdict.answer,
      correct=verdict.correct if verdict.known else None,
      source=self.source,
      tokens=(*self.tokenizer.encode(kept), *tokens.tolist()),
    )
    spent = writing.Spent(
      policy_tokens=len(tokens),
      prompt_tokens=len(self.tokenizer.encode(asked.prompt)),
    )
    return writing.Written(solution, spent)


class Scorer:
  """A `writing.ScoreFn`: P(correct) at the end of each step.

  Every solution is read anew with its problem, and all that is read counts.

  Args:
    model: has a value head.
    params: its parameters.
    tokenizer: of policy and verifier.
    slots: tokens of problem and solution, at most.
    batch_size: solutions per program call; one program is compiled.
  """

  def __init__(
    self,
    model: lm.Model,
    params: Params,
    tokenizer: tokenizer_lib.Tokenizer,
    *,
    slots: int,
    batch_size: int = 256,
  ):
    self._params, self._tokenizer = params, tokenizer
    self._shape = batch_size, slots
    self._run = jax.jit(lambda p, x, n: score.prefix_scores(model, p, x, n))

  def __call__(
    self,
    problems: Sequence[tasks.Problem],
    solutions: Sequence[records.Solution],
  ) -> list[writing.Scored]:
    """Scores the tokens as they were written.

    Raises:
      UserError: a solution without tokens, or longer than the slots.
    """
    encoded = [
      self._encode(problem, solution)
      for problem, solution in zip(problems, solutions, strict=True)
    ]
    found = []
    size = self._shape[0]
    for start in range(0, len(encoded), size):
      batch = encoded[start : start + size]
      texts = np.zeros(self._shape, np.int32)
      length = np.ones(size, np.int32)
      for row, one in enumerate(batch):
        length[row] = len(one.tokens)
        texts[row, : length[row]] = one.tokens
      scores = np.asarray(self._run(self._params, texts, length))
      for row, one in enumerate(batch):
        steps = tuple(scores[row, one.step_end].tolist())
        spent = writing.Spent(verifier_tokens=len(one.tokens))
        found.append(writing.Scored(steps, spent))
    return found

  def _encode(
    self, problem: tasks.Problem, solution: records.Solution
  ) -> steps_lib.EncodedSolution:
    if solution.tokens is None:
      raise errors.UserError(f"tokens: missing in {solution.problem_id}")
    encoded = steps_lib.encode_sampled(
      self._tokenizer, problem.prompt, solution.tokens
    )
    if len(encoded.tokens) > self._shape[1]:
      raise errors.UserError(
        f"{problem.id}: {len(encoded.tokens)} tokens, the scorer has "
        f"{self._shape[1]} slots"
      )
    return encoded
