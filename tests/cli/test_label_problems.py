"""`prm-jax label --config omega`: kills, shards, mistakes; and halving."""

import json
import zlib

import numpy as np
import pytest

from prm_jax.cli import label_files, label_problems, train
from prm_jax.data import record_files, records
from prm_jax.labelling import omega, pairs
from prm_jax.solvers import rollouts
from prm_jax.tasks import game24
from tests.cli import outputs

NAMES = (label_files.LABELS, label_files.PAIRS, label_files.SEARCHES)
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


class Stopped(Exception):
  """The end of a process, where it hurts."""


@pytest.fixture
def scripted(monkeypatch):
  """Half of the completions are right; `stop` ends a run in its nth call."""
  state = {"stop": 0, "calls": 0}

  def write(writer, problems, steps):
    found = []
    for problem, begun in zip(problems, steps, strict=True):
      name = "/".join((problem.id, *begun)).encode()
      rng = np.random.default_rng(zlib.crc32(name))
      drawn = rng.integers(1, 9, (3, max(1, 4 - len(begun))))
      found.append(
        [
          rollouts.Rollout(
            tuple(f"{x} + {k} = {x + k} | {x + k}" for k, x in enumerate(row)),
            *(9 * len(row), bool(rng.random() < 0.5)),
          )
          for row in drawn.tolist()
        ]
      )
    return found

  label_fn = omega.label

  def counted(*args, **kwargs):
    state["calls"] += 1
    if state["calls"] == state["stop"]:
      raise Stopped
    return label_fn(*args, **kwargs)

  monkeypatch.setattr(label_problems._Writer, "__call__", write)
  monkeypatch.setattr(omega, "label", counted)
  return state


def test_kills_and_shards_change_nothing(policy, file, tmp_path, prm, scripted):
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
  assert len(expected[0]) > 10
  assert len(expected[1]) > 1
  stats = json.loads((whole / label_files.STATS).read_text())
  assert stats["problems"] == sum(stats["outcomes"].values()) == 5
  assert stats["labels"] == len(expected[0])
  tokens = stats["cost"]["policy_tokens"]
  assert stats["tokens_per_label"] == tokens / len(expected[0]) > 0

  scripted.update(stop=2, calls=0)
  with pytest.raises(Stopped):
    prm(*flags, parts)
  assert len(lines_of(parts)[2]) == 2
  for name, lines in zip(NAMES[:2], expected, strict=False):
    with (parts / name).open("a") as half:  # not known to be whole
      half.write(lines[-1] + "\n" + lines[-1][:5])
  with (parts / NAMES[2]).open("a") as half:
    half.write(expected[2][2][:9])
  assert prm(*flags, parts)[0] == 0
  assert scripted["calls"] == 4  # two and one of the three parts
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

  (parts / NAMES[0]).write_text("")
  code, _, err = prm(*flags, parts)
  assert (code, len(err)) == (2, 1)
  assert "labels.jsonl: has 0 lines, searches.jsonl tells of" in err[0]
  (whole / NAMES[2]).write_text(expected[2][1] + "\n")
  code, _, err = prm(*flags, whole)
  assert (code, len(err)) == (2, 1)
  assert "searches.jsonl:1: is of another input" in err[0]


def test_a_policy_that_hardly_knows(policy, file, tmp_path, prm):
  """Nothing to search, and still told what it cost."""
  flags = ("label", "--config", "omega", "--policy", policy, "--input", file)
  code, _, err = prm(*flags, *SMALL, "--workdir", tmp_path)
  assert code == 0, err
  done = [json.loads(line) for line in lines_of(tmp_path)[2]]
  stats = json.loads((tmp_path / label_files.STATS).read_text())
  assert stats["problems"] == len(done) == 5
  cost = stats["cost"]
  assert cost["completions"] == 3 * cost["states"] + 3 * 5  # roots count twice
  assert cost["policy_tokens"] > cost["completions"]
  assert stats["root_value"] == np.mean([x["n_correct"] / 6 for x in done])


@pytest.mark.parametrize(
  ("line", "told"),
  [
    ("{", "not JSON"),
    ("[]", "not a JSON object"),
    ('{"record": "problem"}', "id: missing"),
    ('{"question": 3}', "question: 3 is not a text"),
    ('{"answer": "3"}', "question: missing"),
    ('{"question": "no numbers"}', "does not know 'no'"),
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
  drawn = task.demonstrations(problem, rng, 200)
  by_verdict = {task.verify(problem, steps).correct: steps for steps in drawn}
  right, wrong = by_verdict[True], by_verdict[False]
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
    tmp_path / "w" / label_files.LABELS, records.StepLabels
  ).records
  assert (first.first_error, first.hard) == (-1, (1,) * 3)
  assert second.first_error is not None
  assert second.hard[second.first_error] == 0
  assert second.n_total[-1] == 1
  assert 1 <= second.extra["cost"]["states"] <= 2
  assert pairs.from_labels([first, second], pairs.PairConfig())
