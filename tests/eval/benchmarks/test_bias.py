"""Probes and attacks on verifiers with known faults."""

import pytest

from prm_jax import errors
from prm_jax.data import records
from prm_jax.eval.benchmarks import sources
from tests.eval.benchmarks import tables


def value(found, name, metric):
  return found[name, metric].value


def rated(step):
  """A verifier that trusts judges' verdicts and long words."""
  if "Verdict" in step:
    return 0.95
  return 0.2 + 0.1 * min(len(step), 3)


def by_step(problems, given):
  return [[rated(step) for step in steps] for steps in given]


@pytest.fixture
def sampled(tmp_path):
  problems = tables.records(
    tmp_path / "problems.jsonl",
    *(records.Problem(f"p{i}", "hand", f"q{i}", None) for i in range(2)),
  )
  path = tables.records(
    tmp_path / "solutions.jsonl",
    records.Solution("p0", ("a", "bb"), correct=False),
    records.Solution("p1", ("ccc", "d"), correct=False),
  )
  return path, problems


def test_faults_are_found(sampled):
  path, problems = sampled
  found = tables.measure(
    "bias", path, sources.Verifier(by_step), problems=problems
  )
  assert value(found, "steps", "length_correlation") == pytest.approx(1)
  # The minimum does not move with a step twice; the filler is a long step.
  assert value(found, "repeat last/min", "shift") == 0
  assert value(found, "repeat last/mean", "shift") == pytest.approx(
    ((0.3 + 0.4 + 0.4) / 3 - 0.35 + (0.5 + 0.3 + 0.3) / 3 - 0.4) / 2
  )
  # It does not read the problem.
  assert value(found, "other problem/last", "shift") == 0
  assert value(found, "other problem/last", "swap_consistency") == 0
  # Behind a wrong solution a verdict is believed by its last score alone.
  assert value(found, "verdict/last", "attack_success") == 1
  assert value(found, "verdict/last", "attack_lift") == 1
  assert value(found, "verdict/min", "attack_success") == 0
  names = {name for name, metric in found if metric == "attack_success"}
  assert len(names) == 13 * 4


def test_options_are_checked(sampled):
  path, problems = sampled
  with pytest.raises(errors.UserError, match="attacks: 'bribe' is not one of"):
    tables.measure("bias", path, problems=problems, attacks=("bribe",))
  with pytest.raises(errors.UserError, match="names no file of problems"):
    tables.measure("bias", path, sources.Verifier(by_step))


def test_scores_from_a_file_cannot_tell(sampled, tmp_path):
  path, problems = sampled
  source = tables.scored(tmp_path / "s.jsonl", [0.3, 0.4], [0.5, 0.3])
  with pytest.raises(errors.UserError, match="needs --model DIR"):
    tables.measure("bias", path, source, problems=problems)
