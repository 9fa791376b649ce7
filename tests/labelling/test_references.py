"""Completions by the tasks' own policies, against the values they have."""

import dataclasses

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import references
from prm_jax.solvers import rollouts
from prm_jax.tasks import chain, graph_arithmetic

CHAIN = chain.Chain(
  chain.Config(5, 3, error_rate=0.3, recovery_rate=0.2, num_problems=50)
)
GRAPH = graph_arithmetic.GraphArithmetic(
  dataclasses.replace(
    graph_arithmetic.Config(num_problems=50), error_rate=0.3, recovery_rate=0.4
  )
)
NUM = 250


@pytest.mark.parametrize("task", [CHAIN, GRAPH], ids=["chain", "graph"])
def test_completions_have_the_task_s_values(task):
  """4.5 standard errors, at every prefix of a few solutions."""
  rng = np.random.default_rng(0)
  problems, prefixes = [], []
  for problem in list(task.problems("train"))[:5]:
    steps, _ = task.sample(problem, rng)
    for end in range(len(steps) + 1):
      problems.append(problem)
      prefixes.append(tuple(steps[:end]))
  found = rollouts.count(references.writer(task, NUM, 0)(problems, prefixes))
  value = np.array(
    [task.value(*x) for x in zip(problems, prefixes, strict=True)]
  )
  assert len(set(np.round(value, 6))) > 5
  error = np.sqrt(value * (1 - value) / NUM)
  assert (abs(found.num_correct / NUM - value) <= 4.5 * error + 1e-9).all()
  assert (found.num_total == NUM).all()


@pytest.mark.parametrize("task", [CHAIN, GRAPH], ids=["chain", "graph"])
def test_completions_belong_to_their_prefix(task):
  problem = next(task.problems("train"))
  steps, correct = task.sample(problem, np.random.default_rng(1))
  begun = tuple(steps[:1])
  write = references.writer(task, 3, 0)
  alone = write([problem], [begun])
  assert write([problem, problem], [(), begun])[1] == alone[0]
  assert references.writer(task, 3, 1)([problem], [begun]) != alone
  for one in alone[0]:
    assert task.verify(problem, [*begun, *one.steps]).correct == one.correct
  whole = write([problem], [tuple(steps)])[0][0]
  assert (whole.steps, whole.num_tokens, whole.correct) == ((), 0, correct)
  tokenizer = task.tokenizer()
  at_once = references.num_tokens(tokenizer, problem, [*begun, *one.steps])
  before = references.num_tokens(tokenizer, problem, begun, finished=False)
  assert at_once == before + one.num_tokens


@pytest.mark.parametrize("task", [CHAIN, GRAPH], ids=["chain", "graph"])
def test_a_malformed_prefix(task):
  problem = next(task.problems("train"))
  with pytest.raises(errors.UserError, match="out of place"):
    task.sample(problem, np.random.default_rng(0), ["nonsense"])
