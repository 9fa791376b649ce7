"""What game24 and countdown share: judging, labels and demonstrations."""

from collections.abc import Sequence

import numpy as np

from prm_jax import errors
from prm_jax.tasks import arithmetic, base, expressions, plays
from prm_jax.tasks.arithmetic import Rules, State


class NumberGame:
  """A task of moves on a multiset of numbers.

  A solution is the list of its steps; its answer is the expression that they
  compose. Subclasses say which problems there are.
  """

  def rules(self, problem: base.Problem) -> Rules:
    raise NotImplementedError

  def demonstration_rules(self, problem: base.Problem) -> tuple[Rules, ...]:
    """Rules to show the policy, tamest first; the first solvable are used."""
    raise NotImplementedError

  def demonstration_shares(self) -> tuple[int, int]:
    """Relative numbers of solutions and of explorations."""
    raise NotImplementedError

  def start(self, problem: base.Problem) -> State:
    return tuple(problem.meta["numbers"])

  def replay(self, problem: base.Problem, steps: Sequence[str]) -> State | None:
    """The numbers left after the steps; None once a step is wrong."""
    return arithmetic.replay(self.start(problem), steps, self.rules(problem))

  def verify(self, problem: base.Problem, steps: Sequence[str]) -> base.Verdict:
    rules = self.rules(problem)
    answer = self._answer(problem, steps)
    state = self.start(problem)
    for index, step in enumerate(steps, start=1):
      after, reason = arithmetic.judge_step(state, step, rules)
      if after is None:
        return base.Verdict(False, answer, f"step {index}: {reason}")
      state = after
    if rules.won(state):
      return base.Verdict(True, answer, f"reaches {rules.target}")
    left = arithmetic.format_numbers(state)
    return base.Verdict(False, answer, f"ends at {left}, not {rules.target}")

  def oracle(
    self, problem: base.Problem, steps: Sequence[str]
  ) -> base.StepTruth:
    """Once a step is wrong, it and all later ones are invalid and lost."""
    rules = self.rules(problem)
    state: State | None = self.start(problem)
    valid, solvable = [], []
    for step in steps:
      if state is not None:
        state, _ = arithmetic.judge_step(state, step, rules)
      valid.append(state is not None)
      solvable.append(state is not None and plays.solvable(state, rules))
    return base.StepTruth(valid, solvable)

  def value(self, problem: base.Problem, steps: Sequence[str]) -> float:
    """Exact V of the policy that takes each legal step with equal chance."""
    state = self.replay(problem, steps)
    if state is None:
      return 0.0
    return plays.state_value(state, self.rules(problem))

  def demonstrations(
    self, problem: base.Problem, rng: np.random.Generator, num: int
  ) -> list[list[str]]:
    """`num` step lists: solutions, and random legal plays that may fail.

    A policy that sees solutions alone learns to write the target as the last
    result whatever the operands; legal plays keep its arithmetic honest.
    Solutions differ as long as there are enough. An unsolvable problem has
    plays only.
    """
    tiers = self.demonstration_rules(problem)
    start = self.start(problem)
    rules = next((r for r in tiers if plays.solvable(start, r)), None)
    solutions, explorations = self.demonstration_shares()
    shown: list[list[str]] = []
    if rules is not None:
      solutions, explorations = self.demonstration_shares()
      num_solutions = round(num * solutions / (solutions + explorations))
      shown = plays.random_solutions(start, rules, rng, num_solutions)
    while len(shown) < num:
      shown.append(plays.random_play(start, tiers[0], rng))
    return shown

  def _answer(self, problem: base.Problem, steps: Sequence[str]) -> str | None:
    composed = expressions.compose(self.start(problem), steps)
    if composed is None:
      return None
    answer, left = composed
    return None if self.rules(problem).use_all and len(left) > 1 else answer


def check_shares(num_solutions: int, num_explorations: int) -> None:
  """UserError unless the shares of demonstrations make sense."""
  shares = (num_solutions, num_explorations)
  if min(shares) < 0 or not any(shares):
    raise errors.UserError(
      "task.num_solutions, task.num_explorations: expected shares of at "
      f"least 0, not both 0, got {num_solutions} and {num_explorations}"
    )
