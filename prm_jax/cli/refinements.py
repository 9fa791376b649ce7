"""Methods that write again, as configs: critics, revisions, debate."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np

from prm_jax import errors
from prm_jax.build import fields
from prm_jax.build.methods import base
from prm_jax.data import records
from prm_jax.search import votes
from prm_jax.solvers import critic, debate, glore, revisions, writing
from prm_jax.tasks import base as tasks


class Found(NamedTuple):
  """What was written for each problem, and what is its answer."""

  solutions: list[list[records.Solution]]  # [n][...]
  scores: list[list[float]]  # NaN where nobody judged
  chosen: list[int]
  spent: list[writing.Spent]


class Models(NamedTuple):
  """Who writes and who judges; the latter None without a verifier."""

  write: writing.WriteFn
  score: writing.ScoreFn | None

  def judge(self, method: str) -> writing.ScoreFn:
    if self.score is None:
      raise errors.UserError(f"method: {method!r} needs --verifier DIR")
    return self.score


@runtime_checkable
class Method(Protocol):
  """Its fields are those of the config's group `refinement`.

  Attributes:
    most_parts: texts of the policy that one solution may be made of, as each
      may go on behind steps of the last.
  """

  @property
  def most_parts(self) -> int: ...

  def __call__(
    self, problems: Sequence[tasks.Problem], models: Models
  ) -> Found: ...


@dataclasses.dataclass(frozen=True)
class Glore:
  """See `solvers.glore`; the verifier finds errors and ranks.

  Attributes:
    threshold: a step below it is wrong.
    accept: score from which on a draft is not refined; None: all are.
  """

  threshold: float = 0.5
  accept: float | None = None

  @property
  def most_parts(self) -> int:
    """A draft, and what is written behind its right steps."""
    return 2

  def __call__(
    self, problems: Sequence[tasks.Problem], models: Models
  ) -> Found:
    judge = models.judge("glore")
    found = glore.refine(
      problems,
      draft_fn=models.write,
      global_fn=models.write,
      local_fn=models.write,
      locate_fn=judge,
      rank_fn=judge,
      threshold=self.threshold,
      accept=float("inf") if self.accept is None else self.accept,
    )
    return Found(
      found.candidates,
      np.where(np.isfinite(found.scores), found.scores, np.nan).tolist(),
      found.chosen.tolist(),
      found.spent,
    )


@dataclasses.dataclass(frozen=True)
class Critic:
  """See `solvers.critic`; the last attempt is the answer.

  Attributes:
    turns: attempts after the draft, at most.
    threshold: a step below it is negative.
    ask: for a whole new solution ("advise"), or to go on before the first
      negative step ("keep_valid").
  """

  turns: int = 3
  threshold: float = 0.5
  ask: Literal["advise", "keep_valid"] = "keep_valid"

  def __post_init__(self):
    base.at_least("refinement.turns", self.turns, 0)

  @property
  def most_parts(self) -> int:
    """Each attempt may keep steps of the one before."""
    return 1 if self.ask == "advise" else 1 + self.turns

  def __call__(
    self, problems: Sequence[tasks.Problem], models: Models
  ) -> Found:
    found = critic.refine(
      problems,
      draft_fn=models.write,
      refine_fn=models.write,
      critic_fn=critic.ScoreCritic(models.judge("critic")),
      turns=self.turns,
      threshold=self.threshold,
      prompt_fn={"advise": critic.advise, "keep_valid": critic.keep_valid}[
        self.ask
      ],
    )
    return Found(
      found.attempts,
      [[float("nan")] * len(row) for row in found.attempts],
      [len(row) - 1 for row in found.attempts],
      [row[-1] for row in found.spent],
    )


@dataclasses.dataclass(frozen=True)
class Revisions:
  """See `solvers.revisions`; votes weighted by the verifier, if there is one.

  Attributes:
    num_chains: in parallel.
    length: attempts of each.
    context: so many of the last attempts are shown.
  """

  num_chains: int = 4
  length: int = 4
  context: int = 4

  def __post_init__(self):
    for name in ("num_chains", "length"):
      base.at_least(f"refinement.{name}", getattr(self, name), 1)
    base.at_least("refinement.context", self.context, 0)

  @property
  def most_parts(self) -> int:
    """Every attempt is written from the beginning."""
    return 1

  def __call__(
    self, problems: Sequence[tasks.Problem], models: Models
  ) -> Found:
    found = revisions.revise(
      problems,
      write_fn=models.write,
      num_chains=self.num_chains,
      length=self.length,
      context=self.context,
    )
    flat = [[one for chain in row for one in chain] for row in found.attempts]
    scores, read = _judged(problems, flat, models.score)
    shape = (len(problems), self.num_chains, self.length)
    picked = revisions.choose(found, scores.reshape(shape), votes.weighted)
    chosen = np.asarray(picked) @ np.array([self.length, 1])
    return Found(
      flat,
      scores.tolist(),
      chosen.tolist(),
      [a + b for a, b in zip(found.spent, read, strict=True)],
    )


@dataclasses.dataclass(frozen=True)
class Debate:
  """See `solvers.debate`; without verifier.

  Attributes:
    num_agents: draws of the policy that see each other.
    num_rounds: the independent one included.
  """

  num_agents: int = 4
  num_rounds: int = 4

  def __post_init__(self):
    for name in ("num_agents", "num_rounds"):
      base.at_least(f"refinement.{name}", getattr(self, name), 1)

  @property
  def most_parts(self) -> int:
    """Every answer is written from the beginning."""
    return 1

  def __call__(
    self, problems: Sequence[tasks.Problem], models: Models
  ) -> Found:
    found = debate.debate(
      problems,
      agents=[models.write] * self.num_agents,
      num_rounds=self.num_rounds,
    )
    last = [rounds[-1] for rounds in found.rounds]
    none = [[float("nan")] * self.num_agents for _ in last]
    return Found(last, none, found.chosen.tolist(), found.spent)


METHODS: Mapping[str, type] = {
  "glore": Glore,
  "critic": Critic,
  "revisions": Revisions,
  "debate": Debate,
}


def method(config: Mapping[str, Any]) -> Method:
  """From the group `refinement`: `method` and its fields."""
  options = dict(config)
  name = options.pop("method", None)
  if name not in METHODS:
    raise errors.UserError(
      f"refinement.method: {name!r} is not one of {', '.join(METHODS)}"
    )
  return fields.dataclass(METHODS[name], options, "refinement")


def _judged(
  problems: Sequence[tasks.Problem],
  solutions: Sequence[Sequence[records.Solution]],
  score_fn: writing.ScoreFn | None,
) -> tuple[np.ndarray, list[writing.Spent]]:
  """[n, k] scores, 1 of all where nobody judges, and what was read."""
  if score_fn is None:
    ones = np.ones((len(problems), len(solutions[0])))
    return ones, [writing.Spent()] * len(problems)
  width = len(solutions[0])
  scored = score_fn(
    [problem for problem in problems for _ in range(width)],
    [one for row in solutions for one in row],
  )
  scores = np.array([one.last for one in scored]).reshape(-1, width)
  spent = [
    writing.total(one.spent for one in scored[i : i + width])
    for i in range(0, len(scored), width)
  ]
  return scores, spent
