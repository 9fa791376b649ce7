"""`prm-jax label --config difficulty`: kills, shards, mistakes."""

import json

import numpy as np
import pytest

from prm_jax.cli import label_files as files
from prm_jax.cli import label_sampling, train
from prm_jax.data import record_files, records
from prm_jax.labelling import difficulty
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import base as tasks
from prm_jax.tasks import game24

PROBLEMS = [tasks.Problem(str(rate), "t", "", "1") for rate in (1, 5, 9)]


def write(problems):
  """Four samples each, right with a tenth of what the problem's name says."""
  found = []
  for problem in problems:
    rng = np.random.default_rng(list(problem.id.encode()))
    rate = int(problem.id.partition("~")[0]) / 10
    found.append(
      [
        completions.Rollout((f"{problem.id} {n}",), 3, bool(r < rate))
        for n, r in enumerate(rng.random(4))
      ]
    )
  return found


def journal(path, write_fn=write, chunk=2):
  return label_sampling.Journal(
    path, write_fn, width=4, chunk=chunk, source="policy"
  )


@pytest.mark.parametrize("rule", ["uniform", "difficulty"])
def test_a_journal_draws_each_sample_once(rule, tmp_path):
  config = difficulty.Config(rule=rule, num=3, batch=4, max_samples=30, probe=6)
  path = tmp_path / "draws.jsonl"
  whole = difficulty.sample(PROBLEMS, journal(path), config)
  lines = path.read_text().splitlines(keepends=True)
  drawn = [records.from_json(line, records.Solution) for line in lines]
  keys = {(one.problem_id, one.extra["draw"]) for one in drawn}
  assert len(keys) == len(lines)
  assert len({one.steps for one in drawn}) == len(lines)
  # After a kill in the middle of a turn and of a line.
  for kept in (0, 5, len(lines)):
    path.write_text("".join(lines[:kept]) + '{"schema"')
    asked = []

    def counting(problems, asked=asked):
      asked += [problem.id for problem in problems]
      return write(problems)

    again = difficulty.sample(PROBLEMS, journal(path, counting), config)
    assert again == whole
    assert len(asked) == len(set(asked))
    assert sorted(path.read_text().splitlines(keepends=True)) == sorted(lines)
    if kept == len(lines):
      assert not asked


@pytest.fixture(scope="module")
def file(tmp_path_factory):
  """Three puzzles, and something else."""
  problems = list(game24.Game24().problems("test"))[:3]
  path = tmp_path_factory.mktemp("given") / "problems.jsonl"
  record_files.write(path, [*problems, records.Solution(problems[0].id, ())])
  return path


@pytest.fixture
def flags(finished, file):
  policy = finished.workdir / "policy" / train.MODEL
  return (
    *("label", "--config", "difficulty", "--policy", policy),
    *("--input", file, "--config.difficulty.batch=2"),
    *("--config.difficulty.max_samples=4", "--config.solver.batch_size=4"),
    "--config.difficulty.num=3",
  )


def test_command(flags, tmp_path, prm):
  work = tmp_path / "w"
  code, out, err = prm(*flags, "--workdir", work)
  assert (code, err) == (0, [])
  stats = json.loads((work / files.STATS).read_text())
  rows = [
    json.loads(line)
    for line in (work / files.SEARCHES).read_text().split("\n")
    if line
  ]
  draws = record_files.read(
    work / label_sampling.DRAWS, records.Solution
  ).records
  assert stats["problems"] == len(rows) == 3
  assert stats["wanted"] == 9
  for name in ("kept", "samples", "right"):
    assert stats[name] == sum(row[name] for row in rows)
  assert stats["samples"] == len(draws)
  assert stats["right"] == sum(one.correct for one in draws)
  assert stats["policy_tokens"] == sum(one.extra["num_tokens"] for one in draws)
  assert f"{stats['samples']} samples" in out[-1]
  if stats["kept"]:
    kept = record_files.read(work / label_sampling.SOLUTIONS, records.Solution)
    assert all(one in draws and one.correct for one in kept.records)
    assert len(kept.records) == stats["kept"]


@pytest.mark.parametrize(
  ("flag", "told"),
  [
    ("difficulty.batch=0", "difficulty.batch: must be"),
    ("difficulty.rule=odd", "difficulty.rule"),
    ("chunk=0", "chunk: must be at least 1"),
  ],
)
def test_mistakes(flag, told, flags, tmp_path, prm):
  work = ("--workdir", tmp_path / "w", f"--config.{flag}")
  code, out, err = prm(*flags, *work)
  assert (code, out, len(err)) == (2, [], 1), err
  assert told in err[0]


def test_shards_cannot_be_compared(flags, tmp_path, prm):
  more = ("--config.difficulty.rule=difficulty", "--config.num_shards=2")
  code, _, err = prm(*flags, *more, "--workdir", tmp_path / "w")
  assert code == 2
  assert "num_shards: difficulty.rule 'difficulty' compares" in err[0]
