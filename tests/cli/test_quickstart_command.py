"""The quickstart, small: what it writes, and what no kill can change."""

import json
import re
import shutil

import pytest

from prm_jax.reports import results
from prm_jax.train import writers
from tests.cli import outputs

VERIFIERS = ("orm", "ovm", "tvm", "oracle")
NAMES = {
  "greedy",
  "pass@1",
  "maj@4",
  *(f"best_of_n/{name}" for name in VERIFIERS),
  *(f"weighted_vote/{name}" for name in VERIFIERS),
  *(f"step_beam/{name}" for name in ("tvm", "oracle")),
  *(f"particle/{name}" for name in ("tvm", "oracle")),
}


def rows_of(workdir, metric="accuracy"):
  found = results.read(workdir / results.FILE)
  assert found.command == "quickstart"
  return {row.name: row for row in found.rows if row.metric == metric}


def test_results_hold_every_method(finished):
  rows = rows_of(finished.workdir)
  assert rows.keys() == NAMES
  for row in rows.values():
    assert row.n == 16
    assert 0 <= row.ci_low <= row.value <= row.ci_high <= 1
    assert row.wall_s > 0
    assert row.cost["policy_tokens"] > 0
  clock = rows_of(finished.workdir, "wall_s")["quickstart"]
  stages = {"policy", "samples", "orm", "ovm", "tvm", "search"}
  assert clock.cost.keys() == stages
  assert clock.value == pytest.approx(sum(clock.cost.values()))


def test_methods_spend_the_same(finished):
  rows = rows_of(finished.workdir)
  spent = {name: row.cost["policy_tokens"] for name, row in rows.items()}
  assert spent.pop("pass@1") == pytest.approx(spent["maj@4"] / 4)
  del spent["greedy"]
  for name, tokens in spent.items():
    assert tokens == pytest.approx(spent["best_of_n/tvm"], rel=0.1), name
  for name in ("best_of_n", "step_beam", "particle"):
    assert rows[f"{name}/tvm"].cost["verifier_tokens"] > 0
    assert rows[f"{name}/oracle"].cost["verifier_tokens"] == 0
    # The verifier is a model of the policy's size, the truth costs nothing.
    ours, free = (rows[f"{name}/{v}"].cost["flops"] for v in ("tvm", "oracle"))
    assert 1.5 * free < ours < 2.5 * free, name


def test_progress_is_told_and_nothing_else(finished):
  lines = [line for line in finished.output.splitlines() if line.strip()]
  assert "dataset" not in finished.output.lower()
  assert sum(line.startswith("demonstrations of game24") for line in lines) == 1
  labels = ("policy", "sample train", "orm", "ovm", "tvm", "greedy", "sample")
  guided = ("step_beam/tvm", "particle/tvm", "step_beam/oracle")
  for label in (*labels, *guided):
    told = [
      line.removeprefix(label) for line in lines if line.startswith(label)
    ]
    places = [re.match(r" (\d+)/(\d+)", line) for line in told]
    done = [(int(p[1]), int(p[2])) for p in places if p is not None]
    assert done[0][0] == 0, label
    assert done[-1][0] == done[-1][1], label
  assert "step beam" in finished.output
  assert lines[-1].endswith(f"report: {finished.workdir / 'report.html'}")


def test_the_page_has_table_and_figures(finished):
  page = (finished.workdir / "report.html").read_text()
  assert "step beam" in page
  # Two of the table, and the curves of four models.
  assert page.count('<img src="data:') >= 6


def test_the_same_command_again_shows_what_is_there(finished, tmp_path, prm):
  workdir = tmp_path / "copy"
  shutil.copytree(finished.workdir, workdir)
  before = outputs.snapshot(workdir)
  code, out, err = prm(
    "quickstart", "--config", "quickstart:tiny", "--workdir", workdir
  )
  assert (code, err) == (0, [])
  assert any("step beam" in line for line in out)
  after = outputs.snapshot(workdir)
  del before["report.html"], after["report.html"]
  assert after == before


def test_kills_change_nothing(finished, tmp_path, prm, harmed):
  workdir = tmp_path / "run"
  command = ("quickstart", "--config", "quickstart:tiny", "--workdir", workdir)
  for place, count in (
    ("prm_jax.train.writers:MetricWriter.write", 3),  # in the policy
    ("prm_jax.data.record_files:write", 3),  # between two sample files
    ("prm_jax.solvers.judging:judge", 3),  # in the table
  ):
    stopped = harmed("kill", place, count, *command)
    assert stopped.returncode == -9, stopped.stderr
    assert not (workdir / results.FILE).exists()
  code, _, err = prm(*command)
  assert (code, err) == (0, [])
  for stage in ("policy", "orm", "ovm", "tvm"):
    log = f"{stage}/{writers.FILE}"
    assert outputs.curve(workdir / log) == outputs.curve(
      finished.workdir / log
    ), stage
  for name in ("train", "validation"):
    log = f"samples/{name}.solutions.jsonl"
    assert (workdir / log).read_text() == (finished.workdir / log).read_text()
  for metric in ("accuracy", "ratio to pass@1"):
    ours, theirs = rows_of(workdir, metric), rows_of(finished.workdir, metric)
    assert ours.keys() == theirs.keys()
    for name, row in ours.items():
      assert (row.value, row.cost) == (theirs[name].value, theirs[name].cost)


@pytest.mark.parametrize(
  ("flag", "told"),
  [
    ("num_rows=5", "search.num_rows: 5 is not a multiple of search.width (2)"),
    ("num_rows=0", "search.num_rows: must be at least 1"),
    ("num_problems=-1", "num_problems: must be at least 0"),
    ("oracle=guess", "oracle: 'guess' is not one of value, solvable"),
    ("verifiers=()", "verifiers: there are none"),
    ("verifiers=orm,xvm", "verifiers: 'xvm' is no stage of the config"),
    ("tvm.model.value_head=none", "tvm: model has no head"),
    ("orm.objective.name=ovn", "orm: objective.name: 'ovn' is not one of"),
    ("policy.model.num_layers=2", "orm: policy.model: checkpoint of another"),
    ("particle.potential=odd", "'odd'"),
    ("solver.batch_size=0", "solver.batch_size: must be at least 1"),
    ("sampler.temperature=-1", "temperature"),
    ("samples.num_rows=0", "samples.num_rows: must be at least 1"),
    ("polcy.seed=1", "has no field polcy.seed; did you mean"),
  ],
)
def test_mistakes_are_told_before_the_first_stage(flag, told, tmp_path, prm):
  workdir = tmp_path / "run"
  command = ["quickstart", "--config", "quickstart:tiny", "--workdir", workdir]
  code, out, err = prm(*command, f"--config.{flag}")
  assert (code, out, len(err)) == (2, [], 1)
  assert told in err[0]
  # Nothing is claimed: the command without the mistake may come next.
  assert not (workdir / "config.json").exists()


def test_another_config_leaves_the_workdir_alone(finished, tmp_path, prm):
  workdir = tmp_path / "copy"
  shutil.copytree(finished.workdir, workdir)
  before = outputs.snapshot(workdir)
  command = ["quickstart", "--config", "quickstart:tiny", "--workdir", workdir]
  code, _, err = prm(*command, "--config.seed=1")
  assert (code, len(err)) == (2, 1)
  assert "config.seed is 0 in its config.json and 1 now" in err[0]
  assert outputs.snapshot(workdir) == before


def test_samples_are_of_training_problems_only(finished):
  found = {}
  for split in ("train", "validation"):
    path = finished.workdir / "samples" / f"{split}.problems.jsonl"
    lines = path.read_text().splitlines()
    found[split] = {json.loads(line)["id"] for line in lines}
  assert not found["train"] & found["validation"]
