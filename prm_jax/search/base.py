"""The only interface between search and models: the types both sides share.

Axis letters: B problems, N rows, T step budget.

Keys. An algorithm gets one key per problem, already folded with the problem's
id. Step `t` draws its tokens from `fold_in(key, t)`, to which the step
function folds row and token position; the selection after step `t` draws from
`fold_in(fold_in(key, t), SELECTION)`. So a problem's result depends neither
on its batch neighbours nor on the devices, every method with one row samples
the tokens of plain sampling, and rows 0..n-1 of a run with N rows are the
rows of a run with n until the first selection.

Barriers. Problems reach the ends of their steps at different times. A call of
a step function returns as soon as enough of them have (how many is its own
affair); `ready` says which. The others go on at the next call, where they get
the same key again. What a step function says of a problem that is not ready
means nothing, `iterations` apart.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from prm_jax import types

# An opaque pytree; its first leaf leads with the problems.
Embedding: TypeAlias = Any
AggregateFn: TypeAlias = Callable[[Array, Array], Array]


class StepOutput(NamedTuple):
  """One reasoning step written by the policy and judged by the verifier.

  A row that was done or not active is a fixed point: no tokens, log_prob and
  log_ratio 0, and its last score.
  """

  score: Array  # [B, N] float, verifier's score of the prefix: a probability
  log_prob: Array  # [B, N] log q of the step's tokens under the sampler
  log_ratio: Array  # [B, N] log p - log q; 0 where the sampler is the target
  num_tokens: Array  # [B, N] int32 policy tokens written in this step
  verifier_tokens: Array  # [B, N] int32 tokens the verifier read in this step
  done: Array  # [B, N] bool, absorbing
  iterations: Array  # [B] int32 sequential decode iterations of this call
  ready: Array  # [B] bool, all active rows have ended this step
  cut: Array  # [B, N] bool, the step was stopped at its token limit
  # [B, N] int32 tokens written besides and thrown away; None: 0
  rejected_tokens: Array | None = None
  # [B, N] int32 tokens that a second policy wrote or read; None: 0
  target_tokens: Array | None = None


def count(output: StepOutput, name: str) -> Array:
  """[B, N] int32 tokens of that kind, which a step need not name."""
  found = getattr(output, name)
  return jnp.zeros_like(output.num_tokens) if found is None else found


@runtime_checkable
class StepFn(Protocol):
  """Writes one step in the active rows and has it judged."""

  def __call__(
    self,
    params: types.Params,
    rng_keys: Array,
    embedding: Embedding,
    active: Array | None = None,
    /,
  ) -> tuple[StepOutput, Embedding]:
    """Keys are [B]; rows not `active` [B, N] stay as they are; None: all."""
    ...


# `(embedding, parents [B, M] int32) -> embedding`; rows may repeat.
TakeFn: TypeAlias = Callable[[Embedding, Array], Embedding]

# `(store, rows, places [B, N] int32) -> store`: the N rows go to these of the
# M rows of the store; those of a place M are dropped.
PutFn: TypeAlias = Callable[[Embedding, Embedding, Array], Embedding]


class Cost(NamedTuple):
  """What a search spent on each problem; all int32 [B]."""

  policy_tokens: Array  # tokens the policy wrote, pruned ones included
  verifier_tokens: Array  # tokens the verifier read
  discarded_tokens: Array  # written, but in no final row nor its past
  slots: Array  # rows x sequential decode iterations, idle ones included
  depth: Array  # sequential decode iterations
  target_tokens: Array | int = 0  # written or read by a second policy

  @property
  def utilisation(self) -> Array:
    """Share of decode slots that wrote a token, [B]."""
    return self.policy_tokens / jnp.maximum(self.slots, 1)

  def after(self, output: StepOutput, going: Array, ready: Array) -> "Cost":
    """The cost after a call of a step function.

    A problem that is not `going` costs nothing while its neighbours go on;
    one that is not `ready` has spent iterations, its tokens come later.
    """
    total = lambda tokens: jnp.where(ready, jnp.sum(tokens, axis=1), 0)
    maybe = lambda tokens: 0 if tokens is None else total(tokens)
    rejected = maybe(output.rejected_tokens)
    iterations = jnp.where(going, output.iterations, 0)
    return Cost(
      policy_tokens=self.policy_tokens + total(output.num_tokens) + rejected,
      verifier_tokens=self.verifier_tokens + total(output.verifier_tokens),
      discarded_tokens=self.discarded_tokens + rejected,
      slots=self.slots + iterations * output.num_tokens.shape[1],
      depth=self.depth + iterations,
      target_tokens=self.target_tokens + maybe(output.target_tokens),
    )


class SearchOutput(NamedTuple):
  """The final rows of a search and how it came to them."""

  embedding: Embedding
  step_scores: Array  # [B, N, T], 0 beyond num_steps
  num_steps: Array  # [B, N] int32
  score: Array  # [B, N] aggregate of the step scores
  chosen: Array  # [B] int32 the selected row
  log_weight: Array  # [B, N] unnormalised; 0 where the method has no weights
  log_evidence: Array  # [B] log of the unbiased estimate of the normaliser
  ess: Array  # [B, T] effective sample size before selection; 0 if not run
  ancestors: Array  # [B, T, N] int32, see loop.Population
  done: Array  # [B, N] bool; False: the step budget ran out
  log_prob: Array  # [B, N] log q of the row's tokens
  log_ratio: Array  # [B, N] log p - log q of the row's tokens
  cost: Cost


def take(embedding: Embedding, parents: Int[Array, "B M"]) -> Embedding:
  """Default TakeFn: gathers axis 1 of every leaf."""
  gather = jax.vmap(lambda leaf, parent: leaf[parent])
  return jax.tree.map(lambda leaf: gather(leaf, parents), embedding)


def put(
  store: Embedding, rows: Embedding, places: Int[Array, "B N"]
) -> Embedding:
  """Default PutFn: scatters to axis 1 of every leaf."""
  scatter = jax.vmap(lambda leaf, row, at: leaf.at[at].set(row, mode="drop"))
  return jax.tree.map(lambda a, b: scatter(a, b, places), store, rows)
