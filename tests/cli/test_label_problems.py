"""`prm-jax label --config omega`: kills, shards, mistakes; and halving."""

import json

import numpy as np
import pytest

from prm_jax.cli import label, label_problems, train
from prm_jax.data import record_files, records
from prm_jax.labelling import pairs
from prm_jax.tasks import game24
from tests.cli import outputs

SEARCH = "prm_jax.labelling.omega:label"
NAMES = (label_problems.LABELS, label_problems.PAIRS, label_problems.SEARCHES)
SMALL = (
  "--config.omega.num=3",
  "--config.omega.root_num=6",
  "--config.omega.num_searches=3",
  "--config.solver.batch_size=4",
  "--config.chunk=2",
)


@pytest.fixture
def policy(finished):
  return finished.workdir / "policy" / train.MODEL


@pytest.fixture(scope="module")
def file(tmp_path_factory):
  """Five puzzles, and a solution that is none."""
  problems = list(game24.Game24().problems("test"))[:5]
  path = tmp_path_factory.mktemp("given") / "problems.jsonl"
  lines = [records.to_json(problem) for problem in problems]
  lines.insert(2, records.to_json(records.Solution(problems[0].id, ("a",))))
  path.write_text("".join(line + "\n" for line in lines))
  return path


def lines_of(folder, shard=0, num_shards=1):
  paths = [
    record_files.shard_path(folder / n, shard, num_shards) for n in NAMES
  ]
  return [path.read_text().splitlines() for path in paths]


def test_kills_and_shards_change_nothing(policy, file, tmp_path, prm, harmed):
  # A weak policy is seldom right: hotter or colder makes no search.
  flags = ("label", "--config", "omega", "--policy", policy, "--input", file)
  flags = (*flags, *SMALL, "--workdir")
  whole, parts = tmp_path / "whole", tmp_path / "parts"
  code, out, err = prm(*flags, whole)
  assert code == 0, err
  assert "1 records that are no problems" in out[-1]
  expected = lines_of(whole)
  done = [json.loads(line) for line in expected[2]]
  assert [row["line"] for row in done] == [1, 2, 4, 5, 6]
  assert [sum(r[n] for r in done) for n in ("labels", "pairs")] == [
    *map(len, expected[:2])
  ]

  killed = harmed("kill", SEARCH, 2, *flags, parts)
  assert killed.returncode == -9, killed.stderr
  assert len(lines_of(parts)[2]) == 2
  for name in NAMES[:2]:  # written, but not known to be whole
    with (parts / name).open("a") as half:
      half.write(expected[0][0] if expected[0] else '{"a":')
  with (parts / NAMES[2]).open("a") as half:
    half.write(expected[2][2][:9])
  assert prm(*flags, parts)[0] == 0
  assert lines_of(parts) == expected
  before = outputs.snapshot(parts)
  assert prm(*flags, parts)[0] == 0  # nothing is left to do
  assert {n: outputs.snapshot(parts)[n] for n in NAMES} == {
    n: before[n] for n in NAMES
  }

  merged = [[], [], []]
  for shard in (0, 1):
    own = tmp_path / f"shard{shard}"
    more = (f"--config.shard={shard}", "--config.num_shards=2")
    assert prm(*flags, own, *more, "--config.solver.batch_size=3")[0] == 0
    for every, lines in zip(merged, lines_of(own, shard, 2), strict=True):
      every += lines
  assert [sorted(lines) for lines in merged] == [sorted(x) for x in expected]

  stats = json.loads((parts / label_problems.STATS).read_text())
  assert stats["problems"] == sum(stats["outcomes"].values()) == 5
  assert stats["cost"]["policy_tokens"] > 0
  assert stats["labels"] == len(expected[0])
  (parts / NAMES[0]).write_text("")
  code, _, err = prm(*flags, parts)
  assert (code, len(err)) == ((2, 1) if expected[0] else (0, 0))


@pytest.mark.parametrize(
  ("line", "told"),
  [
    ("{", "not JSON"),
    ("[]", "not a JSON object"),
    ('{"record": "problem"}', "id: missing"),
    ('{"question": 3}', "question: 3 is not a text"),
    ('{"answer": "3"}', "question: missing"),
    ('{"question": "no numbers"}', "does not survive the tokenizer"),
    (None, "is in line 1, too"),
  ],
)
def test_problems_that_cannot_be(line, told, policy, file, tmp_path, prm):
  first = file.read_text().splitlines()[0]
  bad = tmp_path / "bad.jsonl"
  bad.write_text(f"{first}\n{line or first}\n")
  work = ("--policy", policy, "--input", bad, "--workdir", tmp_path / "w")
  code, out, err = prm("label", "--config", "omega", *work, *SMALL)
  assert (code, out, len(err)) == (2, [], 1), err
  assert f"{bad}:2: " in err[0]
  assert told in err[0]


@pytest.mark.parametrize(
  ("flag", "told"),
  [
    ("omega.root_num=7", "omega.root_num: 7 is not a multiple"),
    ("pairs.rule=best", "pairs.rule: 'best' is not one of"),
    ("labeller.name=omgea", "labeller.name: 'omgea' is not one of rollouts"),
    ("shard=1", "shard: 1 is not one of 0 to 0"),
  ],
)
def test_a_bad_field(flag, told, policy, file, tmp_path, prm):
  work = ("--policy", policy, "--input", file, "--workdir", tmp_path / "w")
  code, _, err = prm(
    "label", "--config", "omega", *work, *SMALL, f"--config.{flag}"
  )
  assert code == 2
  assert told in err[0]


def test_halving_is_a_labeller(policy, tmp_path, prm):
  task, rng = game24.Game24(), np.random.default_rng(0)
  problem = next(iter(task.problems("test")))
  (right,) = task.demonstrations(problem, rng, 1)
  wrong = [*right[:-1], right[-1].replace("24 | 24", "23 | 23")]
  path = tmp_path / "given.jsonl"
  rows = [
    problem,
    *(records.Solution(problem.id, tuple(s)) for s in (right, wrong)),
  ]
  path.write_text("".join(records.to_json(row) + "\n" for row in rows))
  work = ("--policy", policy, "--input", path, "--workdir", tmp_path / "w")
  more = ("--config.binary_search.num=3", "--config.solver.batch_size=4")
  code, _, err = prm("label", "--config", "binary_search", *work, *more)
  assert code == 0, err
  first, second = record_files.read(
    tmp_path / "w" / label.LABELS, records.StepLabels
  ).records
  assert (first.first_error, first.hard) == (-1, (1,) * 3)
  assert second.first_error is not None
  assert second.hard[second.first_error] == 0
  assert second.n_total[-1] == 1
  assert 1 <= second.extra["cost"]["states"] <= 2
  assert pairs.from_labels([first, second], pairs.PairConfig())
