"""What all cells of the grid share: a task, a policy on it, and the truth.

A setting is one of two kinds: `reference_sampled`, where solutions and
completions are those of the task's own policy and V is exact, and
`policy_sampled`, where a trained model writes and V is estimated by rollouts.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import ml_collections
import numpy as np

from prm_jax.build import verifier_files
from prm_jax.labelling import judges, rollouts
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import base as tasks
from prm_jax.text import tokenizer as tokenizer_lib

Steps: TypeAlias = tuple[str, ...]
Sample: TypeAlias = tuple[tasks.Problem, Steps, bool]  # is it correct
Erring: TypeAlias = tuple[tasks.Problem, Steps, int]  # first error, -1: none


class Task(tasks.Task, judges.Truth, Protocol):
  """Whose steps can be judged."""


class Prefixes(NamedTuple):
  """Held-out step ends and what is known of their values."""

  problems: list[tasks.Problem]
  steps: list[Steps]
  value: np.ndarray  # [n]; exact, or the share of correct rollouts
  num_rollouts: int  # of each; 0: exact


class Completer(Protocol):
  """Who goes on from prefixes.

  Attributes:
    completer: name, for the records.
  """

  @property
  def completer(self) -> str: ...

  def write(
    self,
    problems: Sequence[tasks.Problem],
    steps: Sequence[Steps],
    num: int,
    seed: int,
  ) -> list[list[completions.Rollout]]:
    """`num` completions of each prefix, the same whenever it is asked for."""
    ...


class Setting(Completer, Protocol):
  """What labellers and verifiers are given.

  Attributes:
    task: with `oracle`.
    config: of a training run on it.
    train: problems to learn from.
    provers: other policies, by name.
  """

  task: Task
  config: ml_collections.ConfigDict
  train: list[tasks.Problem]

  @property
  def provers(self) -> Mapping[str, Completer]: ...

  def tokenizer(self) -> tokenizer_lib.Tokenizer: ...

  def draw(self, seed: int, start: int, num: int) -> list[rollouts.Given]:
    """Of a seed's list of solutions of training problems, in turns.

    Raises:
      ValueError: the list has not as many.
    """
    ...

  def fits(self, problem: tasks.Problem, steps: Steps) -> bool:
    """Whether the policy can go on from these steps."""
    ...

  def prefixes(self, num: int) -> Prefixes:
    """Ends of random steps of held-out solutions, the answer's left out."""
    ...

  def erring(self, split: tasks.Split, num: int) -> list[Erring]:
    """Whole solutions of a split, as near to half with an error as can be."""
    ...

  def samples(self, groups: int, rows: int) -> list[Sample]:
    """Held-out solutions, `rows` of a problem side by side, so many groups."""
    ...

  def searched(self, verifier: verifier_files.Verifier) -> Mapping[str, float]:
    """Accuracies of searches on held-out problems with the verifier."""
    ...
