"""Columns that objectives read besides targets and weights."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.data import records, sources
from prm_jax.labelling import advantages, first_errors, targets
from prm_jax.text import steps as steps_lib
from tests.labelling import chains

PROBLEMS = {"p": records.Problem("p", "chain", "?", "1", {})}


def encode(prompt, steps):
  """Two tokens of prompt, two a step."""
  del prompt
  size = 2 + 2 * len(steps)
  ends = np.arange(3, size, 2, dtype=np.int32)
  return steps_lib.EncodedSolution(np.ones(size, np.int32), 2, ends)


def made(kind, *labels):
  return targets.from_labels(encode, PROBLEMS, labels, kind)


def test_solutions_that_are_wrong_somewhere_are_censored():
  """Located, wrong somewhere, and of no verdict."""
  given = [
    chains.label([4, 0, 0], [8, 8, 1]),
    chains.label([0, 0, 0], [0, 0, 1]),
    chains.label([0, 0, 0], [0, 0, 0]),
  ]
  relabelled = first_errors.relabel(given, first_errors.Config())
  found = made("hazards", *relabelled.labels)
  ends = [3, 5, 7]
  weights = [found[i]["weights"][ends].tolist() for i in range(3)]
  assert weights == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
  assert [found[i]["censored"].tolist() for i in range(3)] == [
    [0.0] * 8, [0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0], [0.0] * 8
  ]  # fmt: skip


def test_an_oracle_locates_every_error():
  """Its verdicts make the same columns, and nothing is censored."""
  given = chains.solutions(20)
  problems = {problem.id: problem for problem, _ in given}
  written = [records.Solution(problem.id, steps) for problem, steps in given]
  tokens = [encode("", steps) for _, steps in given]
  encoded = sources.Encoded(written, tokens, [])
  found = targets.from_oracle(chains.TASK, problems, encoded, "hazards")
  plain = targets.from_oracle(chains.TASK, problems, encoded)
  assert set(found.columns) == {*plain.columns, "censored"}
  assert not found.columns["censored"].any()
  assert (found.columns["weights"] == plain.columns["weights"]).all()


def test_the_prompt_learns_what_the_steps_learn():
  """At its last token, 1; the first step gains nothing under the prover."""
  label = chains.label([2, 4, 1], [8, 8, 1], root=(2, 8))
  config = advantages.Config(balanced=False)
  found = made(
    "prompt_and_steps",
    *advantages.relabel([label], None, config).labels,
    label,
    chains.label([2, 4, 1], [8, 8, 1], root=(0, 0)),
  )
  best, counted, unjudged = (found[i] for i in range(3))
  assert best["targets"][1] == best["targets"][3] == pytest.approx(55 / 70)
  assert counted["targets"][1] == 0.25
  assert best["weights"][1] == counted["weights"][1] == 1
  assert unjudged["weights"][1] == 0


@pytest.mark.parametrize(
  ("extra", "told"),
  [
    ({}, r"labels\[0\]\.extra\.root: missing"),
    ({"root": {"n_correct": 3, "n_total": 2}}, r"extra\.root: 3 correct of 2"),
    (
      {"root": {"n_correct": 1, "n_total": 2}, "start": 1.5},
      r"extra\.start: 1\.5 is no probability",
    ),
  ],
)
def test_a_prompt_without_a_value(extra, told):
  label = chains.label([1], [2], soft=(0.5,), extra=extra)
  with pytest.raises(errors.UserError, match=told):
    made("prompt_and_steps", label)
