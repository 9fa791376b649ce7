"""`prm-jax label`: kills, shards, mistakes, another verdict than a number's."""

import dataclasses
import json

import numpy as np
import pytest

from prm_jax.cli import label_files, train
from prm_jax.data import record_files, records
from prm_jax.tasks import game24
from tests.cli import outputs

JUDGE = "prm_jax.labelling.rollouts:label"
SMALL = (
  "--config.rollouts.num=3",
  "--config.solver.batch_size=4",
  "--config.chunk=2",
)


@pytest.fixture
def policy(finished):
  return finished.workdir / "policy" / train.MODEL


@pytest.fixture(scope="module")
def file(tmp_path_factory):
  """Four puzzles, two solutions each, in turns."""
  task, rng = game24.Game24(), np.random.default_rng(0)
  problems = list(task.problems("test"))[:4]
  drawn = [task.demonstrations(problem, rng, 2) for problem in problems]
  path = tmp_path_factory.mktemp("given") / "given.jsonl"
  lines = [records.to_json(problem) for problem in problems]
  for turn in (0, 1):
    for problem, found in zip(problems, drawn, strict=True):
      one = records.Solution(problem.id, tuple(found[turn]))
      lines.append(records.to_json(one))
  path.write_text("".join(line + "\n" for line in lines))
  return path


def labels_of(path):
  return record_files.read(path, records.StepLabels).records


def test_kills_and_shards_change_nothing(policy, file, tmp_path, prm, harmed):
  flags = ("label", "--policy", policy, "--input", file, *SMALL, "--workdir")
  whole, parts = tmp_path / "whole", tmp_path / "parts"
  assert prm(*flags, whole)[0] == 0
  expected = labels_of(whole / label_files.LABELS)
  assert sorted(one.extra["line"] for one in expected) == list(range(5, 13))
  for one in expected:
    assert one.n_total == (*[3] * (len(one.steps) - 1), 1)
    assert one.completer == "policy"

  killed = harmed("kill", JUDGE, 2, *flags, parts)
  assert killed.returncode == -9
  path = parts / label_files.LABELS
  text = path.read_text()
  lines = text.splitlines(keepends=True)
  assert len(lines) == 2
  path.write_text(text + text[: len(lines[0]) + 20])  # a problem by halves
  code, _, err = prm(*flags, parts)
  assert code == 2
  assert f"{path}:3: is of another input" in err[0]
  path.write_text(lines[0] + lines[1][:20])
  assert prm(*flags, parts)[0] == 0
  assert labels_of(path) == expected

  before = outputs.snapshot(parts)
  assert prm(*flags, parts)[0] == 0  # nothing is left to do
  name = label_files.LABELS
  assert outputs.snapshot(parts)[name] == before[name]

  merged = []
  for shard in (0, 1):
    own = tmp_path / f"shard{shard}"
    more = (f"--config.shard={shard}", "--config.num_shards=2")
    assert prm(*flags, own, *more, "--config.solver.batch_size=3")[0] == 0
    path = own / label_files.LABELS
    merged += labels_of(record_files.shard_path(path, shard, 2))
  line = lambda one: one.extra["line"]
  assert sorted(merged, key=line) == sorted(expected, key=line)

  stats = json.loads((parts / label_files.STATS).read_text())
  assert stats["solutions"] == 8
  assert stats["cost"]["completions"] == 3 * stats["cost"]["states"]
  assert stats["cost"]["policy_tokens"] > 0


@pytest.fixture
def mistake(policy, tmp_path, prm):
  def run(path, *flags):
    work = ("--policy", policy, "--input", path, "--workdir", tmp_path / "w")
    code, out, err = prm("label", *work, *SMALL, *flags)
    assert (code, out, len(err)) == (2, [], 1), err
    return err[0]

  return run


def test_solutions_that_cannot_be_labelled(file, mistake, tmp_path):
  lines = file.read_text().splitlines()
  solution = records.from_json(lines[4], records.Solution)
  bad = tmp_path / "bad.jsonl"
  empty = records.to_json(dataclasses.replace(solution, steps=()))
  for line, told in (
    (empty, "steps: the solution has none"),
    ("{", "not JSON"),
    (
      records.to_json(dataclasses.replace(solution, steps=("a ;", "b"))),
      "steps[0]",
    ),
    (
      records.to_json(dataclasses.replace(solution, problem_id="x")),
      "problem_id: no line before is problem 'x'",
    ),
  ):
    bad.write_text("\n".join([*lines[:4], line]) + "\n")
    found = mistake(bad)
    assert f"{bad}:5: " in found
    assert told in found


@pytest.mark.parametrize(
  ("flag", "told"),
  [
    ("shard=2", "shard: 2 is not one of 0 to 0"),
    ("num_shards=0", "num_shards: must be at least 1"),
    ("chunk=0", "chunk: must be at least 1"),
    ("rollouts.after_error=stop", "after_error"),
  ],
)
def test_a_bad_field(flag, told, file, mistake):
  assert told in mistake(file, f"--config.{flag}")
