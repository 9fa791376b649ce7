"""A large policy takes over where a small one begins to doubt."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import errors, types
from prm_jax.search import barriers, base, speculative

# `(before, after) -> [B, N]` of the text written in between.
SenseFn: TypeAlias = Callable[[base.Embedding, base.Embedding], Array]


class Senses(NamedTuple):
  """What is found in a text.

  `tone` is an integer: above 0 for certainty, below 0 for doubt. `checks` is
  whether it begins to verify something.
  """

  tone: SenseFn
  checks: SenseFn


class Writers(NamedTuple):
  """Step functions of the parts of a step; see `speculative_thinking`."""

  preview: base.StepFn  # small; cuts its steps after the first tokens
  large: base.StepFn  # the same of the large policy
  check: base.StepFn  # large; goes on, past the ends of steps
  # Large, past the ends of steps: a recap, then what makes it longer, the
  # first in all but the first recap, and so on.
  recaps: Sequence[base.StepFn]
  rest: base.StepFn  # small; goes on where a step was cut


@dataclasses.dataclass(frozen=True)
class RecapRule:
  """When a row is due for a recap: after so many doubts since the last one.

  Attributes:
    after: doubts before the first.
    more: how many more before each further one.
    most: doubts at most.
  """

  after: int = 15
  more: int = 5
  most: int = 30

  def __post_init__(self):
    for name in ("after", "more"):
      if getattr(self, name) < 0:
        raise errors.UserError(f"search.recap_{name}: must be at least 0")
    if self.most < self.after:
      raise errors.UserError(
        f"search.recap_most: must be at least search.recap_after ({self.after})"
      )

  def due(self, doubts: Array, recaps: Array) -> Array:
    """Whether rows are, from what they have behind them; all [B, N]."""
    return doubts >= jnp.minimum(self.after + self.more * recaps, self.most)


class Thinking(NamedTuple):
  """A state, and what its rows have behind them; [B, N] int32."""

  embedding: base.Embedding
  doubts: Array  # doubtful steps since the last recap
  recaps: Array


def begin(embedding: base.Embedding, done: Array) -> Thinking:
  """A root, `done` [B, N] giving its shape."""
  zeros = jnp.zeros(done.shape, jnp.int32)
  return Thinking(embedding, zeros, zeros)


def speculative_thinking(
  writers: Writers,
  senses: Senses,
  rule: RecapRule = RecapRule(),
  revert_fn: speculative.RevertFn = speculative.revert,
) -> base.StepFn:
  """Steps of a small policy whose doubts a large one writes (2504.12329).

  A step is what follows a delimiter. The small policy writes the first tokens
  of it, 20 in the paper; where their tone is not neutral the large policy
  writes them instead. If what it writes is doubtful the row has one doubt
  more; if it begins to verify, the large policy goes on for 125 tokens. A row
  with 15 doubts has a recap in place of all that: the large policy begins the
  step with given words and writes 125 tokens, 25 more in each further recap
  up to 200. Then the small one goes on to the end of the step.

  Both policies draw with the same keys, so a large policy that is the small
  one changes nothing but where a recap's given words stand; other policies are
  coupled by that, not independent.

  Args:
    writers: of the parts of a step.
    senses: what is found in them.
    rule: when a row is due for a recap.
    revert_fn: takes previews back.

  Returns:
    A step function over `Thinking` states, see `begin`.
  """
  preview_fn, large_fn, check_fn, rest_fn = map(
    barriers.whole_step,
    (writers.preview, writers.large, writers.check, writers.rest),
  )
  if not writers.recaps:
    raise ValueError("recaps: at least one, for rows that are due")
  recap_fns = [barriers.whole_step(fn) for fn in writers.recaps]

  def step_fn(
    params: types.Params,
    rng_keys: Array,
    thinking: Thinking,
    active: Array | None = None,
    /,
  ) -> tuple[base.StepOutput, Thinking]:
    before, doubts, recaps = thinking
    on = jnp.ones(doubts.shape, bool) if active is None else active
    due = on & rule.due(doubts, recaps)
    preview, begun = preview_fn(params, rng_keys, before, on & ~due)
    tone = jnp.where(preview.num_tokens > 0, senses.tone(before, begun), 0)
    sensed = tone != 0
    start = revert_fn(before, begun, sensed)
    large, written = large_fn(params, rng_keys, start, sensed)
    first = speculative.merge(preview, large, sensed)
    doubtful = sensed & (senses.tone(start, written) < 0)
    checks = sensed & senses.checks(start, written)
    recap = [(fn, due & (recaps >= i)) for i, fn in enumerate(recap_fns)]
    for fn, rows in ((check_fn, checks), *recap):
      rows &= ~first.done
      more, written = fn(params, rng_keys, written, rows)
      more = more._replace(target_tokens=speculative.went_through(more))
      first = joined(first, more, rows)
    cut = first.cut & ~first.done & (first.num_tokens > 0)
    rest, written = rest_fn(params, rng_keys, written, cut)
    output = joined(first, rest, cut)
    wrote = due & (output.num_tokens > 0)
    return output, Thinking(
      written,
      jnp.where(wrote, 0, doubts + doubtful),
      recaps + wrote,
    )

  return step_fn


def joined(
  first: base.StepOutput, rest: base.StepOutput, cut: Array
) -> base.StepOutput:
  """One step of the two parts; `rest` has written in the rows `cut`."""
  both = lambda name: getattr(first, name) + getattr(rest, name)
  last = lambda name: jnp.where(cut, getattr(rest, name), getattr(first, name))
  either = lambda name: base.count(first, name) + base.count(rest, name)
  return base.StepOutput(
    **{name: last(name) for name in ("score", "done", "cut")},
    **{
      name: both(name) for name in ("log_prob", "num_tokens", "verifier_tokens")
    },
    log_ratio=jnp.zeros_like(first.log_ratio),
    iterations=both("iterations"),
    ready=first.ready & rest.ready,
    rejected_tokens=either("rejected_tokens"),
    target_tokens=either("target_tokens"),
  )
