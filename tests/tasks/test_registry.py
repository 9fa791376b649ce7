"""Every task by name, and what all of them promise."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.tasks import base, registry

SMALL = {
  "game24": {},
  "countdown": {"num_problems": 30},
  "chain": {},
  "graph_arithmetic": {"num_problems": 30},
  "register_programs": {"num_problems": 30},
}
# Those that read problems from files generate and know nothing.
GENERATED = sorted(registry.TASKS.keys() & SMALL.keys())


@pytest.fixture(params=GENERATED)
def task(request):
  entry = registry.get(request.param)
  return entry.make(entry.config(**SMALL[request.param]))


def test_unknown_task():
  with pytest.raises(errors.UserError, match=r"task\.name: no task 'sudoku'"):
    registry.get("sudoku")


def test_every_task_keeps_the_promises(task):
  """Names, unchanged prompts, verdicts on demonstrations, labels per step."""
  problem = next(task.problems("test"))
  tokenizer = task.tokenizer()
  assert problem.task == task.name
  assert problem.id.startswith(f"{task.name}/")
  assert base.hash_split(problem.id) == "test"
  assert tokenizer.decode(tokenizer.encode(problem.prompt)) == problem.prompt
  for steps in task.demonstrations(problem, np.random.default_rng(0), 5):
    truth = task.oracle(problem, steps)
    assert len(truth.valid) == len(truth.solvable) == len(steps)
    assert len(steps) <= task.max_steps
    verdict = task.verify(problem, steps)
    assert task.value(problem, steps) == float(verdict.correct)
    assert verdict.reason
    assert 0.0 <= task.value(problem, steps[:1]) <= 1.0
  assert task.value(problem, ["nonsense"]) == 0.0
  assert not task.verify(problem, ["nonsense"]).correct
  assert task.verify(problem, ["nonsense"]).answer is None


def test_hash_splits_have_their_shares():
  names = [base.hash_split(str(number)) for number in range(20000)]
  for split, share in (("train", 0.7), ("validation", 0.12), ("test", 0.18)):
    sigma = np.sqrt(share * (1 - share) / len(names))
    assert abs(names.count(split) / len(names) - share) < 4.5 * sigma
