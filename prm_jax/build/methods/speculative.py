"""Methods of two policies: the solver's own one and its target."""

import dataclasses
import functools

from prm_jax import errors
from prm_jax.build.methods import base
from prm_jax.decode import pens, state, words
from prm_jax.search import aggregate, best_of_n, handover
from prm_jax.search import speculative as speculative_lib


@dataclasses.dataclass(frozen=True)
class RewardGuided:
  """See `search.speculative.reward_guided`; the target is the large model.

  Attributes:
    num_rows: N, solutions written; the best of them is chosen.
    delta: drafts that the verifier gives less are written anew.
    weight: "threshold", or "score": keep drafts with the probability that
      the verifier gives them, whatever `delta`.
    aggregate: step scores to one score: see `search.aggregate`.
  """

  num_rows: int
  delta: float = 0.7
  weight: str = "threshold"
  aggregate: str = "last"

  def __post_init__(self):
    base.at_least("search.num_rows", self.num_rows, 1)
    speculative_lib.weight_by_name(self.weight, self.delta)
    aggregate.by_name(self.aggregate)

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    step_fn = speculative_lib.reward_guided(
      steps(),
      steps("target"),
      speculative_lib.weight_by_name(self.weight, self.delta),
      state.revert,
    )
    return functools.partial(
      best_of_n.best_of_n,
      step_fn=step_fn,
      run=steps.run,
      max_steps=max_steps,
      aggregate=aggregate.by_name(self.aggregate),
    )


@dataclasses.dataclass(frozen=True)
class Reverse:
  """See `decode.pens.reverse_law`; the target is the teacher.

  Attributes:
    num_rows: N, solutions written.
    threshold: probability that the policy, the student, must give to the
      teacher's tokens.
    aggregate: step scores to one score: see `search.aggregate`.
  """

  num_rows: int
  threshold: float = 0.01
  aggregate: str = "last"

  def __post_init__(self):
    base.at_least("search.num_rows", self.num_rows, 1)
    base.at_least("search.threshold", self.threshold, 0)
    aggregate.by_name(self.aggregate)

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    pen = pens.Reverse(steps.pen(), steps.pen("target"), self.threshold)
    return functools.partial(
      best_of_n.best_of_n,
      step_fn=steps.written_by(pen),
      run=steps.run,
      max_steps=max_steps,
      aggregate=aggregate.by_name(self.aggregate),
    )


@dataclasses.dataclass(frozen=True)
class SpeculativeThinking:
  """See `search.handover`; the target is the large model.

  Attributes:
    num_rows: N, solutions written; the best of them is chosen.
    preview: first tokens of a step, in which words are looked for.
    certain: words of certainty.
    doubtful: words of doubt.
    checks: words of checking, which are of doubt too.
    check_tokens: that the large model goes on for after such a word.
    recap: text that a recap begins with; "": the large model's own.
    recap_tokens: of the first recap behind that.
    recap_longer: by how many tokens each further recap is longer.
    recap_longest: tokens at most.
    recap_after: doubts before the first recap.
    recap_more: how many more before each further one.
    recap_most: doubts at most.
    aggregate: step scores to one score: see `search.aggregate`.
  """

  num_rows: int
  preview: int = 20
  certain: tuple[str, ...] = words.CERTAIN
  doubtful: tuple[str, ...] = words.DOUBT
  checks: tuple[str, ...] = words.CHECK
  check_tokens: int = 125
  recap: str = words.RECAP
  recap_tokens: int = 125
  recap_longer: int = 25
  recap_longest: int = 200
  recap_after: int = 15
  recap_more: int = 5
  recap_most: int = 30
  aggregate: str = "last"

  def __post_init__(self):
    for name in ("num_rows", "preview", "check_tokens", "recap_tokens"):
      base.at_least(f"search.{name}", getattr(self, name), 1)
    base.at_least("search.recap_longer", self.recap_longer, 0)
    base.at_least("search.recap_longest", self.recap_longest, self.recap_tokens)
    if not (*self.certain, *self.doubtful, *self.checks):
      raise errors.UserError("search.doubtful: there is no word to look for")
    self._rule()
    aggregate.by_name(self.aggregate)

  def _rule(self) -> handover.RecapRule:
    return handover.RecapRule(
      self.recap_after, self.recap_more, self.recap_most
    )

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    vocabulary = steps.vocabulary
    if vocabulary is None:
      raise ValueError("words are looked for in a vocabulary")
    find = lambda given: vocabulary.find(given) if given else None
    step_fn = handover.speculative_thinking(
      self._writers(steps, tuple(vocabulary.encode(self.recap))),
      words.senses(*map(find, (self.certain, self.doubtful, self.checks))),
      self._rule(),
      state.revert,
    )
    search = functools.partial(
      best_of_n.best_of_n,
      step_fn=step_fn,
      max_steps=max_steps,
      aggregate=aggregate.by_name(self.aggregate),
    )

    def run(params, rng_keys, root):
      found = search(params, rng_keys, handover.begin(root, root.rows.done))
      return found._replace(embedding=found.embedding.embedding)

    return run

  def _writers(
    self, steps: base.StepFactory, dictated: tuple[int, ...]
  ) -> handover.Writers:
    """The large model goes past the ends of steps while it checks."""
    rest = steps.step_format.max_step_tokens - self.preview
    if rest < 1:
      raise errors.UserError(
        "search.preview: must be below the tokens of a step, "
        f"{steps.step_format.max_step_tokens}"
      )
    endless = {"automaton": words.none(steps.step_format.automaton)}
    longer = []
    length = self.recap_tokens
    while self.recap_longer and length < self.recap_longest:
      own = min(self.recap_longer, self.recap_longest - length)
      longer.append(steps("target", max_step_tokens=own, **endless))
      length += own
    recap = steps.written_by(
      pens.Dictated(steps.pen("target"), dictated),
      max_step_tokens=len(dictated) + self.recap_tokens,
      **endless,
    )
    return handover.Writers(
      preview=steps(max_step_tokens=self.preview),
      large=steps("target", max_step_tokens=self.preview),
      check=steps("target", max_step_tokens=self.check_tokens, **endless),
      recaps=(recap, *longer),
      rest=steps(max_step_tokens=rest, resumes=True),
    )
