"""`prm-jax refine`: every method, kills, mistakes."""

import json

import pytest

from prm_jax.cli import samples as samples_lib
from prm_jax.cli import train
from prm_jax.configs import refinement
from prm_jax.reports import results

SMALL = ("--config.num_problems=4", "--config.solver.batch_size=2")
SIZES = {
  "glore": (),
  "critic": ("--config.refinement.turns=1",),
  "revisions": (
    "--config.refinement.num_chains=2",
    "--config.refinement.length=2",
  ),
  "debate": (
    "--config.refinement.num_agents=3",
    "--config.refinement.num_rounds=2",
  ),
}
ROWS = {"glore": {3}, "critic": {1, 2}, "revisions": {4}, "debate": {3}}
WRITTEN = {"revisions": 4, "debate": 6}  # solutions of a problem


@pytest.fixture
def flags(finished):
  policy, verifier = (
    finished.workdir / name / train.MODEL for name in ("policy", "tvm")
  )
  return ("--policy", policy, "--verifier", verifier, *SMALL)


def command(method):
  return ("refine", "--config", f"refinement:{method}", *SIZES[method])


def samples_of(workdir):
  lines = (workdir / samples_lib.FILE).read_text().splitlines()
  return [json.loads(line) for line in lines]


def without_times(samples):
  return [
    {**one, "cost": {k: v for k, v in one["cost"].items() if k != "wall_s"}}
    for one in samples
  ]


@pytest.mark.parametrize("method", refinement.METHODS)
def test_methods_write_again(method, flags, tmp_path, prm):
  code, _, err = prm(*command(method), *flags, "--workdir", tmp_path)
  assert code == 0, err
  samples = samples_of(tmp_path)
  assert len(samples) == 4
  assert {len(one["rows"]) for one in samples} <= ROWS[method]
  (row,) = results.read(tmp_path / results.FILE).rows
  assert row.name == f"{method}/verifier"
  right = [one["rows"][one["chosen"]]["correct"] for one in samples]
  assert row.value == sum(right) / 4
  mean = lambda name: sum(one["cost"][name] for one in samples) / 4
  for name in ("policy_tokens", "prompt_tokens", "verifier_tokens"):
    assert row.cost[name] == mean(name)
  assert (row.cost["verifier_tokens"] > 0) == (method != "debate")
  if method in WRITTEN:
    # A problem's own prompt is read for every solution; it has five tokens.
    assert {one["cost"]["prompt_tokens"] for one in samples} == {
      5 * WRITTEN[method]
    }
  if method == "revisions":  # the vote of what the verifier weighs
    for one in samples:
      scores = [found["score"] for found in one["rows"]]
      assert all(0 < score < 1 for score in scores)


def test_a_killed_run_goes_on(flags, tmp_path, prm):
  whole, parts = tmp_path / "whole", tmp_path / "parts"
  assert prm(*command("glore"), *flags, "--workdir", whole)[0] == 0
  expected = without_times(samples_of(whole))
  assert prm(*command("glore"), *flags, "--workdir", parts)[0] == 0
  path = parts / samples_lib.FILE
  lines = path.read_text().splitlines(keepends=True)
  path.write_text("".join(lines[:2]) + lines[2][:20])
  assert prm(*command("glore"), *flags, "--workdir", parts)[0] == 0
  assert without_times(samples_of(parts)) == expected


@pytest.mark.parametrize(
  ("method", "flag", "told"),
  [
    ("glore", "--config.refinement.method=gloer", "refinement.method: 'gloer'"),
    ("glore", "--config.reading=aloud", "reading: 'aloud' is not one of"),
    ("critic", "--config.refinement.turns=-1", "refinement.turns"),
    ("critic", "--config.refinement.ask=why", "refinement.ask: 'why'"),
    ("revisions", "--config.refinement.length=0", "refinement.length"),
    ("debate", "--config.refinement.num_agents=0", "refinement.num_agents"),
  ],
)
def test_a_bad_field(method, flag, told, flags, tmp_path, prm):
  argv = ("refine", "--config", f"refinement:{method}", *flags, flag)
  code, out, err = prm(*argv, "--workdir", tmp_path)
  assert (code, out, len(err)) == (2, [], 1), err
  assert told in err[0]


def test_a_method_that_judges_needs_a_verifier(flags, tmp_path, prm):
  bare = (*flags[:2], *SMALL, "--workdir", tmp_path)
  code, _, err = prm(*command("critic"), *bare)
  assert (code, len(err)) == (2, 1), err
  assert "needs --verifier" in err[0]
  code, _, err = prm(*command("critic"), *SMALL, "--workdir", tmp_path / "b")
  assert (code, len(err)) == (2, 1), err
  assert "refine needs --policy" in err[0]
