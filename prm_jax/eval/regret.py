"""How soon a search is right: answers at any time, and the regret of waiting.

A search that is stopped after some cost has an answer, or none yet. Regret is
what is lost against an oracle that is right from the start; arXiv 2503.07572
(MRT) measures it for chains of thought cut after each episode. Costs are in
tokens or in whatever else is paid.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, Num

from prm_jax.search import votes


class Trace(NamedTuple):
  """The answer of each problem as its cost grows; both [p, m].

  From cost `cost[:, i]` on the accuracy is `accuracy[:, i]`, before the first
  it is 0; costs do not fall.
  """

  cost: np.ndarray
  accuracy: np.ndarray


def one_by_one(length: Int[np.ndarray, "p n"]) -> Int[np.ndarray, "p n"]:
  """Tokens spent when each row is done, rows being written in turn."""
  return np.cumsum(length, axis=1)


def side_by_side(length: Int[np.ndarray, "p n"]) -> Int[np.ndarray, "p n"]:
  """Tokens spent when each row is done, rows being written in parallel.

  All rows that go on get a token at a time. The depth at which a row is done
  is its length.
  """
  return np.minimum(length[:, None, :], length[:, :, None]).sum(axis=2)


def anytime(
  rule: votes.Rule,
  finish: Num[np.ndarray, "p n"],
  answers: Int[np.ndarray, "p n"],
  scores: Num[np.ndarray, "p n"],
  correct: Bool[np.ndarray, "p n"],
) -> Trace:
  """A vote among the rows that are done, after each of them.

  Args:
    rule: `(answers, scores) -> rows`, such as `votes.weighted`; it leaves rows
      without an answer out.
    finish: cost at which each row is done.
    answers: ids, see `votes.answer_ids`.
    scores: by the verifier.
    correct: of each row.
  """
  choose = jax.jit(rule)
  order = np.argsort(finish, axis=1, kind="stable")
  cost = np.take_along_axis(finish, order, axis=1)
  accuracy = np.zeros(cost.shape)
  for i, times in enumerate(cost):
    done = finish[i] <= times[:, None]  # [times, rows]
    known = np.where(done, answers[i], votes.MISSING)
    given = np.broadcast_to(scores[i], known.shape)
    chosen = np.asarray(
      choose(jnp.asarray(known), jnp.asarray(given, jnp.float32))
    )
    # Where there is no answer yet the rule says row 0.
    some = known[np.arange(len(known)), chosen] != votes.MISSING
    accuracy[i] = correct[i][chosen] & some
  return Trace(cost, accuracy)


def normalised(trace: Trace, budget: float | int) -> Float[np.ndarray, "p"]:
  """1 - (1 / C0) * integral of the accuracy over costs from 0 to C0.

  Exact for answers that change when they change: 0 if right from the start,
  1 if never right, c / C0 if right from cost c on.

  Args:
    trace: answers; the last one stays.
    budget: C0.
  """
  _check(trace, budget)
  cost = np.minimum(trace.cost, budget).astype(float)
  until = np.concatenate([cost[:, 1:], np.full_like(cost[:, :1], budget)], 1)
  return 1 - (trace.accuracy * (until - cost)).sum(axis=1) / budget


def normalised_between(
  trace: Trace, budget: float | int
) -> Float[np.ndarray, "p"]:
  """As `normalised`, joining the points by straight lines from (0, 0).

  For accuracies measured at a few costs only, as in MRT's code. A first point
  at cost c leaves a regret of c / (2 C0) even to an oracle.
  """
  _check(trace, budget)
  found = np.empty(len(trace.cost))
  for i, (cost, accuracy) in enumerate(zip(*trace, strict=True)):
    x, y = np.append(0.0, cost), np.append(0.0, accuracy)
    inside = x < budget
    x_cut = np.append(x[inside], budget)
    y_cut = np.append(y[inside], np.interp(budget, x, y))
    found[i] = 1 - np.trapezoid(y_cut, x_cut) / budget
  return found


def cumulative(
  accuracy: Float[np.ndarray, "*d k"],
  oracle: float | Float[np.ndarray, "*d k"] = 1.0,
) -> Float[np.ndarray, "*d k"]:
  """Delta_k = sum_{j < k} (J(oracle_j) - J(forced answer after episode j)).

  Args:
    accuracy: of the answer forced after each episode.
    oracle: the best that could be had with as many episodes.
  """
  return np.cumsum(oracle - accuracy, axis=-1)


def progress(
  accuracy: Float[np.ndarray, "*d k"], start: Float[np.ndarray, "*d"]
) -> Float[np.ndarray, "*d k"]:
  """What each episode adds to the accuracy of a forced answer.

  Args:
    accuracy: after each episode.
    start: before the first.
  """
  return np.diff(accuracy, axis=-1, prepend=start[..., None])


def _check(trace: Trace, budget: float | int) -> None:
  if budget <= 0:
    raise ValueError(f"budget must be positive, got {budget}")
  if (np.diff(trace.cost, axis=1) < 0).any() or (trace.cost < 0).any():
    raise ValueError("costs of a trace have to grow from 0 or more")
