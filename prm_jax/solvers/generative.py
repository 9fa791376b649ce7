"""Step scores by a verifier that writes (GenPRM, arXiv 2504.00891).

For every step it writes N rationales; after each, the score is its P(yes)
between the two verdicts, and the step's score is the mean over rationales
(Maj@N). One rationale, with its likelier verdict, stays in the chat when the
next step is asked about: the first that came to one, as in the authors' code.

The verdict's law is read from the model, not sampled and not of the top 20
tokens alone. Programs that the model writes are text; what runs them, if
anything does, is a callable of the caller's.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from prm_jax import errors
from prm_jax.decode import score
from prm_jax.models import lm
from prm_jax.solvers import continuing, rationales
from prm_jax.tasks import base as tasks
from prm_jax.text import critiques, hf_tokenizer
from prm_jax.types import Params

# A step without any verdict; the authors' code says so of a single one.
UNJUDGED = 0.5


class Judged(NamedTuple):
  """What was said of one solution.

  Attributes:
    votes: [k, N] P(yes) after each rationale; NaN: unknown, no verdict.
    drafts: [k][N] the rationales, as tokens.
    num_tokens: read of the chat and written.
    rule: makes a score of the votes.
  """

  votes: np.ndarray
  drafts: list[list[rationales.Draft]]
  num_tokens: int
  rule: rationales.Pool = "mean"

  @property
  def num_unknown(self) -> int:
    return int(np.isnan(self.votes).sum())

  @property
  def scores(self) -> Float[np.ndarray, "k"]:
    return pool(self.votes, self.rule)


def pool(
  votes: Float[np.ndarray, "k N"], rule: rationales.Pool = "mean"
) -> Float[np.ndarray, "k"]:
  """The known votes of each step as one; `UNJUDGED` where there is none.

  Args:
    votes: P(yes); NaN: unknown.
    rule: see `rationales.Config.pool`.
  """
  known = ~np.isnan(votes)
  if rule == "majority":
    votes = np.heaviside(votes - UNJUDGED, UNJUDGED)
  count = known.sum(axis=1)
  total = np.where(known, votes, 0).sum(axis=1)
  mean = total / np.maximum(count, 1)
  return np.where(count > 0, mean, UNJUDGED).astype(np.float32)


class GenerativeScorer:
  """Judges the steps of given solutions, step by step, many at a time.

  Args:
    model: a language model.
    params: its parameters.
    style: its words.
    tokenizer: its own.
    eos_ids: each ends what it writes.
    config: how.
    context: tokens that it can see; 0: unlimited.
    tool_fn: a program's text -> what it prints; called in this process, so
      that it is the caller's to keep the program away from it.

  Raises:
    UserError: verdicts of several tokens, or a tool that is asked for and
      not given.
  """

  def __init__(
    self,
    model: lm.Model,
    params: Params,
    style: critiques.Style,
    tokenizer: hf_tokenizer.HfTokenizer,
    eos_ids: Sequence[int],
    config: rationales.Config,
    *,
    context: int = 0,
    tool_fn: Callable[[str], str] | None = None,
  ):
    if (config.code == "tool") != (tool_fn is not None):
      raise errors.UserError(
        "generative.code: 'tool' goes with a callable that answers programs, "
        "which Python alone can give; nothing else runs them"
      )
    is_direct = config.mode == "direct"
    system = style.direct_system if is_direct else style.system
    self._chat = critiques.Chat(style, tokenizer, system)
    self._candidates = jnp.asarray(self._chat.verdict_ids, jnp.int32)
    self._config, self._params = config, continuing.unstacked(params)
    self._choice = jax.jit(functools.partial(score.choice, model))
    self._context = context
    write = functools.partial(
      continuing.Continuer,
      model,
      self._params,
      tokenizer,
      eos_ids,
      sampler=config.sampler,
      max_tokens=config.max_tokens,
      batch_size=config.batch_size,
      seed=config.seed,
    )
    self._author = rationales.Author(
      style, tokenizer, write, config, context, tool_fn
    )

  def __call__(
    self,
    problems: Sequence[tasks.Problem],
    given: Sequence[Sequence[str]],
  ) -> list[np.ndarray]:
    """One float32 array per solution, one score per step."""
    return [one.scores for one in self.judge(problems, given)]

  def judge(
    self,
    problems: Sequence[tasks.Problem],
    given: Sequence[Sequence[str]],
    on_step: Callable[[int], None] | None = None,
  ) -> list[Judged]:
    """Votes and rationales.

    Args:
      problems: [n].
      given: [n] steps; empty ones at the end are dropped.
      on_step: told how many solutions are over.

    Raises:
      UserError: names the problem and what is wrong with its steps.
    """
    states = [
      _state(problem, steps)
      for problem, steps in zip(problems, given, strict=True)
    ]
    longest = max((len(state.steps) for state in states), default=0)
    for index in range(longest):
      going = [state for state in states if index < len(state.steps)]
      self._step(going, index)
      if on_step is not None:
        on_step(sum(len(state.steps) == index + 1 for state in states))
    return [
      Judged(
        *(np.stack(state.votes), state.drafts, state.num_tokens),
        self._config.pool,
      )
      for state in states
    ]

  def _step(self, going: Sequence["_State"], index: int) -> None:
    """Judges step `index` of every solution."""
    asked = [
      continuing.Text(
        f"{state.name}#{index}",
        self._chat.ask(state.question, state.steps[: index + 1], state.said),
      )
      for state in going
    ]
    drafts = self._author.drafts(asked, index)
    votes = self._votes(drafts)
    for state, text, own, vote in zip(going, asked, drafts, votes, strict=True):
      state.votes.append(vote)
      state.drafts.append(own)
      state.num_tokens += len(text.tokens) + sum(len(d.said) for d in own)
      state.said.append(self._turn(own, vote))

  def _votes(
    self, drafts: Sequence[Sequence[rationales.Draft]]
  ) -> Float[np.ndarray, "n N"]:
    """P(yes) of each draft."""
    found = np.full((len(drafts), len(drafts[0])), np.nan, np.float32)
    ready = [
      (row, column, draft.whole)
      for row, own in enumerate(drafts)
      for column, draft in enumerate(own)
      if draft.is_ready
    ]
    ready.sort(key=lambda one: len(one[2]))
    for batch in _batches(ready, self._config.batch_size):
      filled = [*batch, *[batch[-1]] * (self._config.batch_size - len(batch))]
      tokens, length = continuing.padded([whole for _, _, whole in filled])
      shares = self._choice(self._params, tokens, length, self._candidates)
      values = np.asarray(shares)[:, 1]
      for (row, column, _), value in zip(batch, values, strict=False):
        found[row, column] = value
    return found

  def _turn(
    self, drafts: Sequence[rationales.Draft], votes: Float[np.ndarray, "N"]
  ) -> str:
    """What stays in the chat as the assistant's word on a step."""
    style, decode = self._chat.style, self._chat.tokenizer.decode
    for draft, vote in zip(drafts, votes, strict=True):
      if draft.is_ready:
        word = style.yes if vote >= UNJUDGED else style.no
        return decode(draft.said) + word + style.closing
    return decode(drafts[0].said)


@dataclasses.dataclass
class _State:
  """A solution on its way."""

  name: str
  question: str
  steps: list[str]
  said: list[str] = dataclasses.field(default_factory=list)
  votes: list[np.ndarray] = dataclasses.field(default_factory=list)
  drafts: list[list[rationales.Draft]] = dataclasses.field(default_factory=list)
  num_tokens: int = 0


def _state(problem: tasks.Problem, steps: Sequence[str]) -> _State:
  try:
    return _State(problem.id, problem.prompt, critiques.kept(steps))
  except errors.UserError as error:
    raise errors.UserError(f"problem {problem.id}: {error}") from error


def _batches(items: Sequence, size: int) -> Iterator[Sequence]:
  for start in range(0, len(items), size):
    yield items[start : start + size]
