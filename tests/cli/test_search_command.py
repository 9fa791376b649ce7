"""`prm-jax search`: methods, verifiers, kills, own puzzles, mistakes."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from prm_jax.cli import samples as samples_lib
from prm_jax.cli import train
from prm_jax.data import record_files, records
from prm_jax.reports import results
from prm_jax.search import base
from prm_jax.tasks import game24
from tests.cli import outputs

JUDGE = "prm_jax.solvers.judging:judge"


@pytest.fixture
def policy(finished):
  return finished.workdir / "policy" / train.MODEL


@pytest.fixture
def verifier(finished):
  return finished.workdir / "tvm" / train.MODEL


def samples_of(workdir):
  """As text, without the times."""
  found = record_files.read(workdir / samples_lib.FILE, records.SearchSample)
  return [
    records.to_json(
      dataclasses.replace(
        sample, cost={k: v for k, v in sample.cost.items() if k != "wall_s"}
      )
    )
    for sample in found.records
  ]


def row_of(workdir):
  (row,) = results.read(workdir / results.FILE).rows
  return row


def test_a_model_guides_the_beam_over_kills(
  policy, verifier, tiny, tmp_path, prm, harmed
):
  flags = ("--config", tiny("step_beam"), "--policy", policy)
  flags = ("search", *flags, "--verifier", verifier, "--workdir")
  whole, parts = tmp_path / "whole", tmp_path / "parts"
  assert prm(*flags, whole)[0] == 0
  row = row_of(whole)
  assert (row.name, row.metric, row.n) == ("step_beam/tvm", "accuracy", 6)
  assert row.cost["verifier_tokens"] == row.cost["policy_tokens"] > 0

  killed = harmed("kill", JUDGE, 2, *flags, parts)
  assert killed.returncode == -9
  samples = parts / samples_lib.FILE
  lines = samples.read_text().splitlines(keepends=True)
  assert len(lines) == 2
  samples.write_text("".join(lines) + lines[0][: len(lines[0]) // 2])

  full = harmed("full", JUDGE, 1, *flags, parts)
  (line,) = full.stderr.splitlines()
  assert full.returncode == 2
  assert f"{samples}: cannot go on: no space left" in line

  assert prm(*flags, parts)[0] == 0
  assert samples_of(parts) == samples_of(whole)
  assert row_of(parts).cost.keys() == row.cost.keys()
  assert row_of(parts).value == row.value

  before = outputs.snapshot(parts)
  assert prm(*flags, parts)[0] == 0  # nothing is left to do
  after = outputs.snapshot(parts)
  assert after[samples_lib.FILE] == before[samples_lib.FILE]


def run(prm, tiny, method, workdir, policy, *flags):
  config = ("--config", tiny(method), "--policy", policy)
  code, out, err = prm("search", *config, "--workdir", workdir, *flags)
  assert code == 0, err
  return out


def test_greedy_writes_one_row(policy, tiny, tmp_path, prm):
  run(prm, tiny, "greedy", tmp_path / "run", policy)
  assert row_of(tmp_path / "run").name == "best_of_n"
  for line in samples_of(tmp_path / "run"):
    assert len(json.loads(line)["rows"]) == 1


def test_best_of_n_without_a_verifier(policy, tiny, tmp_path, prm):
  run(prm, tiny, "best_of_n", tmp_path / "run", policy)
  assert row_of(tmp_path / "run").cost["verifier_tokens"] == 0
  for line in samples_of(tmp_path / "run"):
    assert len(json.loads(line)["rows"]) == 4


def test_a_vote_and_a_queue(policy, tiny, tmp_path, prm):
  """The same rows from two slots."""
  flags = ("--config.solver.slots=2", "--config.solver.batch_size=6")
  run(prm, tiny, "best_of_n", tmp_path / "a", policy)
  vote = "--config.vote.rule=majority"
  run(prm, tiny, "best_of_n", tmp_path / "b", policy, *flags, vote)
  a, b = (
    [json.loads(line) for line in samples_of(tmp_path / run)] for run in "ab"
  )
  assert [sample["rows"] for sample in a] == [sample["rows"] for sample in b]
  row = row_of(tmp_path / "b")
  assert row.name == "best_of_n+majority"
  assert row.cost["flops"] > 1000 * row.cost["policy_tokens"]


def test_the_policy_judges_itself(policy, tiny, tmp_path, prm):
  for name in ("certainty", "reference"):
    run(prm, tiny, "best_of_n", tmp_path / name, policy, "--verifier", name)
    row = row_of(tmp_path / name)
    assert row.name == f"best_of_n/{name}"
    readers = 1 if name == "certainty" else 2
    assert row.cost["verifier_tokens"] == readers * row.cost["policy_tokens"]
    for line in samples_of(tmp_path / name):
      sample = json.loads(line)
      scores = [found["score"] for found in sample["rows"]]
      assert max(scores) == scores[sample["chosen"]] > 0


def test_the_policy_is_asked_for_its_answer(policy, tiny, tmp_path, prm):
  flags = ("--verifier", "entropy", "--config.answer_entropy.rise=0.5")
  run(prm, tiny, "best_of_n", tmp_path / "run", policy, *flags)
  cost = row_of(tmp_path / "run").cost
  assert cost["verifier_tokens"] > cost["policy_tokens"] > 0
  for line in samples_of(tmp_path / "run"):
    scores = [found["score"] for found in json.loads(line)["rows"]]
    assert max(s for s in scores if s is not None) <= 0
    assert scores[json.loads(line)["chosen"]] == max(scores)
  for field, told in (
    ("cue= ", "answer_entropy.cue: is empty"),
    ("cue=?", "no tokens write it"),
    ("answer=0", "answer_entropy.answer: must be at least 1"),
  ):
    flag = f"--config.answer_entropy.{field}"
    work = ("--workdir", tmp_path / "bad", "--policy", policy)
    code, _, err = prm(
      "search", "--config", tiny("best_of_n"), *flags, flag, *work
    )
    assert (code, len(err)) == (2, 1), err
    assert told in err[0]


def test_the_oracle_guides_particles(policy, tiny, tmp_path, prm):
  """On the user's puzzles: one of them has no solution, which is no error."""
  puzzles = tmp_path / "puzzles.txt"
  puzzles.write_text("1 1 1 1\n13, 4 4 10  # mine\n")
  flag = f"--config.task.problems={puzzles}"
  verifier = ("--verifier", "oracle")
  out = run(prm, tiny, "particle", tmp_path / "a", policy, flag, *verifier)
  told = [line for line in out if " : " in line]
  assert [line.partition(" : ")[0] for line in told] == ["1 1 1 1", "4 4 10 13"]
  assert told[0] == "1 1 1 1 : no solution found"
  assert row_of(tmp_path / "a").name == "particle/oracle"
  # --input is the same.
  more = ("--input", puzzles, *verifier)
  out = run(prm, tiny, "particle", tmp_path / "b", policy, *more)
  assert [line for line in out if " : " in line] == told
  assert samples_of(tmp_path / "b") == samples_of(tmp_path / "a")


def test_a_target_writes_what_the_verifier_rejects(
  policy, verifier, tiny, tmp_path, prm
):
  config = ("--config", tiny("reward_guided"), "--policy", policy)
  command = ("search", *config, "--verifier", verifier, "--workdir", tmp_path)
  code, _, err = prm(*command)
  assert code == 2
  assert "target: this method needs a second policy" in err[0]
  more = ("--target", policy, "--config.search.delta=2.0")
  code, _, err = prm(*command, *more)
  assert code == 0, err
  cost = row_of(tmp_path).cost
  assert cost["verifier_tokens"] == cost["policy_tokens"] > 0
  kept = cost["policy_tokens"] - cost["discarded_tokens"]
  assert cost["target_tokens"] == pytest.approx(kept)


def test_one_trunk_is_policy_and_verifier(finished, tiny, tmp_path, prm):
  samples = finished.workdir / "samples"
  code, _, err = prm(
    "train",
    "--config",
    tiny("tvm"),
    "--workdir",
    tmp_path / "both",
    "--model",
    finished.workdir / "policy" / train.MODEL,
    "--config.model.use_lm_head=True",
    "--config.objective.lm_coefficient=0.5",
    f"--config.examples.problems={samples / 'validation.problems.jsonl'}",
    f"--config.examples.solutions={samples / 'validation.solutions.jsonl'}",
  )
  assert code == 0, err
  rows = outputs.curve(tmp_path / "both" / "metrics.jsonl")
  lm = [row["train/lm_loss"] for row in rows if "train/lm_loss" in row]
  assert lm[-1] < lm[0]
  both = tmp_path / "both" / train.MODEL
  verifier = ("--verifier", "policy")
  run(prm, tiny, "step_beam", tmp_path / "run", both, *verifier)
  row = row_of(tmp_path / "run")
  assert row.name == "step_beam/policy"
  assert row.cost["verifier_tokens"] == 0
  for line in samples_of(tmp_path / "run"):
    for found in json.loads(line)["rows"]:
      assert 0 < found["score"] < 1


def test_what_is_printed(capsys):
  row = records.SearchRow(steps=("a",), answer="(1 + 2) * 8 * 1", correct=True)
  wrong = dataclasses.replace(row, correct=False)
  problem = game24.make_problem((1, 1, 2, 8))
  samples = [
    records.SearchSample(problem.id, (wrong, row), chosen, {})
    for chosen in (1, 0, None)
  ]
  samples_lib.print_solutions([problem] * 3, samples)
  assert capsys.readouterr().out.splitlines() == [
    "1 1 2 8 : (1 + 2) * 8 * 1",
    "1 1 2 8 : no solution found",
    "1 1 2 8 : no solution found",
  ]


@pytest.fixture
def mistake(tiny, tmp_path, prm):
  """Runs a search that has to fail; what it says in its one line."""

  def run(*flags):
    workdir = tmp_path / "run"
    config = ("--config", tiny("step_beam"), "--workdir", workdir)
    code, out, err = prm("search", *config, *flags)
    assert (code, out, len(err)) == (2, [], 1), err
    # Nothing is claimed: the command without the mistake may come next.
    assert not (workdir / "config.json").exists()
    return err[0]

  return run


def test_a_search_needs_a_policy(mistake):
  assert mistake() == "prm-jax: error: search needs --policy DIR"


@pytest.mark.parametrize(
  ("text", "told"),
  [
    ("4 4 10 13\n4 4 10\n", "{path}:2: field task.problems: expected 4"),
    ("4 4 x 13\n", "{path}:1: field task.problems: expected whole numbers"),
    ("4 4 10 14\n", "{path}:1: field task.problems: numbers must be 1 to 13"),
    ("4 4 0 13\n", "{path}:1: field task.problems: numbers must be 1 to 13"),
    ("\n# none\n", "{path}: holds no puzzle (field task.problems)"),
    (None, "{path}: no such file (field task.problems)"),
  ],
)
def test_a_bad_puzzle_file(text, told, policy, mistake, tmp_path):
  path = tmp_path / "puzzles.txt"
  if text is not None:
    path.write_text(text)
  flag = f"--config.task.problems={path}"
  assert told.format(path=path) in mistake("--policy", policy, flag)


@pytest.mark.parametrize(
  ("flag", "told"),
  [
    ("search.num_rows=5", "search.num_rows: 5 is not a multiple of"),
    ("split=all", "split: 'all' is not one of train, validation, test"),
    ("search.aggregate=best", "'best'"),
    ("search.methode=x", "has no field search.methode; did you mean"),
    ("num_problems=-2", "num_problems: must be at least 0"),
  ],
)
def test_a_bad_field(flag, told, policy, mistake):
  assert told in mistake("--policy", policy, f"--config.{flag}")


def test_a_policy_or_verifier_that_is_none(policy, verifier, mistake, tmp_path):
  told = mistake("--policy", tmp_path)
  assert f"--policy: {tmp_path}: no model here" in told
  told = mistake("--policy", policy, "--verifier", tmp_path / "nothing")
  assert f"--verifier: {tmp_path / 'nothing'}: no model here" in told
  told = mistake("--policy", policy, "--verifier", policy)
  assert "has no value head" in told
  told = mistake("--policy", policy, "--verifier", "policy")
  assert "the policy has no value head" in told
  told = mistake("--policy", verifier)
  assert f"--policy: {verifier}: the model has no LM head" in told
  told = mistake(
    "--policy", policy, "--verifier", "oracle", "--config.oracle=guess"
  )
  assert "oracle: 'guess' is not one of value, solvable" in told


def test_models_that_do_not_fit(policy, verifier, mistake, tmp_path):
  """A checkpoint of other sizes, and a verifier of another vocabulary."""
  other = tmp_path / "sizes"
  shutil.copytree(verifier, other)
  described = json.loads((other / "model.json").read_text())
  described["model"]["transformer"]["mlp_dim"] = 32
  (other / "model.json").write_text(json.dumps(described))
  told = mistake("--policy", policy, "--verifier", other)
  assert f"--verifier: {other}: checkpoint of another model:" in told

  other = tmp_path / "vocabulary"
  shutil.copytree(verifier, other)
  text = (other / "tokenizer.json").read_text()
  (other / "tokenizer.json").write_text(
    text.replace('"13"', '"x"').replace('"12"', '"13"').replace('"x"', '"12"')
  )
  told = mistake("--policy", policy, "--verifier", other)
  assert "vocabulary is not that of the policy" in told


def test_another_config_leaves_the_workdir_alone(
  policy, tiny, tmp_path, prm, finished
):
  command = ("search", "--config", tiny("greedy"), "--policy", policy)
  workdir = tmp_path / "copy"
  shutil.copytree(finished.workdir, workdir)
  before = outputs.snapshot(workdir)
  code, out, err = prm(*command, "--workdir", workdir)
  assert (code, out, len(err)) == (2, [], 1)
  assert f"workdir {workdir} belongs to another run" in err[0]
  assert outputs.snapshot(workdir) == before


def test_rows_are_summed_up():
  row = records.SearchRow(steps=("a",), correct=True)
  cost = dict.fromkeys((*base.Cost._fields, "flops"), 2.0)
  samples = [
    records.SearchSample(name, (row,), chosen, cost | {"wall_s": 0.5})
    for name, chosen in (("a", 0), ("b", None), ("c", 0), ("d", 0))
  ]
  found = samples_lib.summarise("best_of_n", samples)
  assert (found.value, found.n, found.wall_s) == (0.75, 4, 2.0)
  assert found.ci_low < 0.75 < found.ci_high
  np.testing.assert_equal(dict(found.cost), cost)
