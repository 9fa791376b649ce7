"""Values of steps from trees of checked solutions: AlphaMath and ReST-MCTS*.

The solutions of a problem share their first steps, and so make a tree; its
leaves are right or wrong. Counts of a label are the right and all solutions
through a step; `soft` is what the method makes of it. The two do not mean the
same and are not to be mixed in one head: AlphaMath's is a chance to end right,
of the search that visited the tree, ReST-MCTS*'s is progress, k / K on the way
to a solution of K steps.
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import counts
from prm_jax.solvers import judging

METHOD, QUALITY = "method", "quality"  # what a record has in `extra`

Steps: TypeAlias = tuple[str, ...]
Method: TypeAlias = Literal["counts", "alpha_math", "rest"]


@dataclasses.dataclass(frozen=True)
class Checked:
  """A solution whose answer was judged.

  Attributes:
    problem_id: `Problem.id`.
    steps: at least one.
    correct: verdict.
    values: Q of each step in [-1, 1], of a search; None: visits tell it.
  """

  problem_id: str
  steps: Steps
  correct: bool
  values: tuple[float, ...] | None = None

  def __post_init__(self):
    if not self.steps:
      raise errors.UserError("steps: the solution has none")
    if self.values is not None:
      if len(self.values) != len(self.steps):
        raise errors.UserError(
          f"values: {len(self.values)} for {len(self.steps)} steps"
        )
      if any(not -1 <= value <= 1 for value in self.values):
        raise errors.UserError(f"values: {self.values} are not in [-1, 1]")


@dataclasses.dataclass(eq=False)
class Node:
  """A prefix in the tree of a problem.

  Attributes:
    depth: steps.
    num_correct: right solutions through it.
    num_total: solutions through it.
    shortest: steps of the shortest right solution through it, None without.
    children: by the step that leads there, and whether it ends a solution:
      the same text on the way is another node.
  """

  depth: int
  num_correct: int = 0
  num_total: int = 0
  shortest: int | None = None
  children: dict[tuple[str, bool], "Node"] = dataclasses.field(
    default_factory=dict
  )

  def path(self, steps: Steps) -> list["Node"]:
    """The nodes from the root along a solution, the root included."""
    found = [self]
    for key in _keys(steps):
      found.append(found[-1].children[key])
    return found


def _keys(steps: Steps) -> list[tuple[str, bool]]:
  return [(step, k == len(steps)) for k, step in enumerate(steps, 1)]


def read(
  rows: Sequence[records.Solution | records.SearchSample],
) -> tuple[list[Checked], dict[str, int]]:
  """Solutions of records, and how many were left out and why.

  Rows of a search that carry `values` in `extra` keep them.
  """
  found: list[Checked] = []
  left = {"without_verdict": 0, "without_steps": 0, "copies": 0}
  for row in rows:
    attempts: Sequence[records.Solution | records.SearchRow] = (
      row.rows if isinstance(row, records.SearchSample) else [row]
    )
    for one in attempts:
      if one.extra.get(judging.COPY):
        left["copies"] += 1
      elif one.correct is None:
        left["without_verdict"] += 1
      elif not one.steps:
        left["without_steps"] += 1
      else:
        values = one.extra.get("values")
        found.append(
          Checked(
            row.problem_id,
            one.steps,
            one.correct,
            None if values is None else tuple(map(float, values)),
          )
        )
  return found, left


def grow(solutions: Sequence[Checked]) -> dict[str, Node]:
  """The tree of each problem."""
  trees: dict[str, Node] = {}
  for one in solutions:
    node = trees.setdefault(one.problem_id, Node(0))
    _visit(node, one)
    for depth, key in enumerate(_keys(one.steps), 1):
      node = node.children.setdefault(key, Node(depth))
      _visit(node, one)
  return trees


def _visit(node: Node, one: Checked) -> None:
  node.num_total += 1
  node.num_correct += one.correct
  if one.correct:
    length = len(one.steps)
    node.shortest = min(length, node.shortest or length)


def label(
  solutions: Sequence[Checked],
  method: Method,
  source: str,
  variant: Literal["weighted", "simple"] = "weighted",
) -> list[records.StepLabels]:
  """A record per solution that differs from those before it.

  Args:
    solutions: those of a problem make its tree.
    method: "counts", the right and all solutions through the step, which are
      the values of TVM (arXiv 2407.12863) and P2T (2509.18314) at its end.
      "alpha_math" (arXiv 2405.03553): (Q + 1) / 2 with Q the mean +-1 of
      the solutions through the step, or what the search says; +-1 at the end.
      "rest" (arXiv 2406.03816): `qualities`.
    source: who wrote the solutions, for the records.
    variant: of "rest", see `qualities`.
  """
  trees = grow(solutions)
  found = []
  for one in dict.fromkeys(solutions):
    nodes = trees[one.problem_id].path(one.steps)
    extra: Mapping[str, Any] = {METHOD: method, counts.CORRECT: one.correct}
    soft: list[float] | None = None
    if method == "alpha_math":
      soft = [(q + 1) / 2 for q in returns(nodes, one)]
    elif method == "rest":
      soft = qualities(nodes, variant)
      extra = {**extra, QUALITY: variant}
    found.append(
      records.StepLabels(
        problem_id=one.problem_id,
        n_correct=tuple(node.num_correct for node in nodes[1:]),
        n_total=tuple(node.num_total for node in nodes[1:]),
        completer=source,
        steps=one.steps,
        soft=None if soft is None else tuple(soft),
        extra=extra,
      )
    )
  return found


def returns(nodes: Sequence[Node], one: Checked) -> list[float]:
  """Q of each step of a solution, its own outcome at the last one."""
  own = one.values
  if own is None:
    own = tuple(2 * n.num_correct / n.num_total - 1 for n in nodes[1:])
  return [*own[:-1], 1.0 if one.correct else -1.0]


def distances(nodes: Sequence[Node]) -> list[int]:
  """m of each node: fewest steps that still lead to a right answer.

  Counted to the shortest right solution through the node. A node on no right
  route has the distance of the last one before it that is on one.
  """
  found: list[int] = []
  for node in nodes:
    if node.shortest is not None:
      found.append(node.shortest - node.depth)
    elif found:
      found.append(found[-1])
    else:
      raise ValueError("the problem has no right solution")
  return found


def qualities(
  nodes: Sequence[Node],
  variant: Literal["weighted", "simple"] = "weighted",
) -> list[float]:
  """v of each step, without the root's 0.

    w_k = (1 - v_{k-1}) / (m_k + 1) (1 - 2 r_k),   v_k = max(0, v_{k-1} + w_k)

  with r_k = 1 for a step off every right route and 0 for one on it: the sign
  of the paper's printed formula is that of an error. A right route of K steps
  has v_k = k / K. "simple" gives the first step off the routes, and those
  behind it, max((k - 2) / K, 0), K of the shortest route that it leaves.

  A problem of which no solution is right has v = 0 everywhere.
  """
  if nodes[0].shortest is None:
    return [0.0] * (len(nodes) - 1)
  away = distances(nodes)
  found, value = [], 0.0
  for k, (parent, node) in enumerate(itertools.pairwise(nodes), 1):
    is_wrong = node.shortest is None
    if is_wrong and variant == "simple":
      if parent.shortest is not None:
        value = max((k - 2) / parent.shortest, 0.0)
    else:
      weight = (1 - value) / (away[k] + 1) * (1 - 2 * is_wrong)
      value = min(max(0.0, value + weight), 1.0)
    found.append(value)
  return found
