"""`prm-jax label --config relabel:METHOD`: every method, and mistakes."""

import dataclasses
import json

import pytest

from prm_jax.cli import config_file, label_files, overrides, relabel
from prm_jax.configs import relabel as relabel_config
from prm_jax.data import record_files, records
from prm_jax.tasks import register_programs
from tests.cli import outputs
from tests.labelling import chains


@pytest.fixture(scope="module")
def files(tmp_path_factory):
  """Labels of 30 chains, and their problems."""
  folder = tmp_path_factory.mktemp("labels")
  given = chains.solutions(30)
  labels = folder / "labels.jsonl"
  record_files.write(labels, chains.counted(given, 8))
  problems = folder / "problems.jsonl"
  record_files.write(problems, [problem for problem, _ in given])
  return labels, problems


def read(path):
  return record_files.read(path, records.StepLabels).records


@pytest.mark.parametrize(
  "method", [name for name in relabel_config.METHODS if name != "mutations"]
)
def test_every_method(method, files, tmp_path, prm):
  labels, problems = files
  flags = (
    *("label", "--config", f"relabel:{method}", "--input", labels),
    *(f"--config.problems={problems}", "--config.truth=true"),
    *("--workdir", tmp_path / "w"),
  )
  code, out, err = prm(*flags)
  assert (code, err) == (0, [])
  assert str(tmp_path / "w" / label_files.LABELS) in out[-1]
  stats = json.loads((tmp_path / "w" / label_files.STATS).read_text())
  assert (stats["method"], stats["input_solutions"]) == (method, 30)
  assert stats["trained"]["labels"] > 0
  assert stats["truth"]["wrong_process"] is not None
  made = read(tmp_path / "w" / label_files.LABELS)
  given = {(one.problem_id, one.steps): one for one in read(labels)}
  for one in made:
    before = given[one.problem_id, one.steps]
    assert (one.n_correct, one.n_total) == (before.n_correct, before.n_total)
    assert one.completer == before.completer
  kept = outputs.snapshot(tmp_path / "w")
  assert prm(*flags)[0] == 0  # again: the same bytes
  after = outputs.snapshot(tmp_path / "w")
  assert after[label_files.LABELS][:1] == kept[label_files.LABELS][:1]


@pytest.mark.parametrize("method", relabel_config.METHODS)
def test_options_of_a_config_are_those_of_the_method(method):
  """The defaults but for presets, and nothing else."""
  options, _ = relabel.METHODS[method]
  names = {field.name for field in dataclasses.fields(options)}
  config = config_file.load(f"relabel:{method}")
  assert set(overrides.leaves(config.method)) == names
  if method != "mm_prm":
    assert options(**config.method.to_dict()) == options()


def test_solutions_without_counts_for_a_judge(tmp_path, prm):
  given = chains.solutions(3)
  path = tmp_path / "solutions.jsonl"
  lines = [records.to_json(problem) for problem, _ in given]
  lines += [records.to_json(records.Solution(p.id, s)) for p, s in given]
  path.write_text("".join(line + "\n" for line in lines))
  flags = ("label", "--config", "relabel:judge", "--input", path)
  assert prm(*flags, "--workdir", tmp_path / "w")[0] == 0
  made = read(tmp_path / "w" / label_files.LABELS)
  assert [one.extra["line"] for one in made] == [4, 5, 6]
  for one, (problem, steps) in zip(made, given, strict=True):
    assert set(one.n_total) == {0}
    truth = chains.TASK.oracle(problem, steps).valid
    assert one.hard == tuple(map(int, truth))


def test_programs_are_rewritten(tmp_path, prm):
  config = register_programs.Config(modulus=3, num_problems=10)
  task = register_programs.RegisterPrograms(config)
  problems = list(task.problems("train"))[:5]
  path = tmp_path / "programs.jsonl"
  lines = [records.to_json(problem) for problem in problems]
  lines += [
    records.to_json(records.Solution(p.id, tuple(p.meta["reference"])))
    for p in problems
  ]
  path.write_text("".join(line + "\n" for line in lines))
  flags = ("label", "--config", "relabel:mutations", "--input", path)
  truth = "--config.truth=true"
  code, out, _ = prm(*flags, truth, "--workdir", tmp_path / "w")
  assert code == 0
  assert "mutation_wrong" in out[-1]
  stats = json.loads((tmp_path / "w" / label_files.STATS).read_text())
  assert stats["truth"]["right_given_right"] == 1
  assert stats["truth"]["right_given_wrong"] == 0


def test_a_second_file_is_the_prover(files, tmp_path, prm):
  labels, _ = files
  prover = tmp_path / "prover.jsonl"
  spent = lambda one, n: {**one.extra, "cost": {"policy_tokens": n}}
  other = [
    dataclasses.replace(
      one,
      n_correct=one.n_total,
      completer="prover",
      extra=spent(one, 7),
    )
    for one in read(labels)
  ]
  record_files.write(prover, other[:20])
  base = tmp_path / "base.jsonl"
  record_files.write(
    base,
    [dataclasses.replace(x, extra=spent(x, 10)) for x in read(labels)],
  )
  code, out, _ = prm(
    *("label", "--config", "relabel:pav", "--input", base),
    *(f"--config.other={prover}", "--config.method.balanced=false"),
    *("--workdir", tmp_path / "w"),
  )
  assert code == 0
  assert "20 of 30 solutions" in out[-1]
  assert "unmatched 10" in out[-1]
  made = read(tmp_path / "w" / label_files.LABELS)
  assert {one.completer for one in made} == {"prover"}
  assert made[0].soft == (1.0,) * 5
  stats = json.loads((tmp_path / "w" / label_files.STATS).read_text())
  assert stats["cost"]["policy_tokens"] == 30 * 10 + 20 * 7  # of both policies


@pytest.fixture
def mistake(tmp_path, prm):
  def run(path, *flags, config="relabel:rpe"):
    code, out, err = prm(
      *("label", "--config", config, "--input", path, *flags),
      *("--workdir", tmp_path / "w"),
    )
    assert (code, out, len(err)) == (2, [], 1), err
    assert not (tmp_path / "w" / label_files.LABELS).exists()
    return err[0]

  return run


@pytest.mark.parametrize(
  ("line", "told"),
  [
    ("{", ":2: not JSON"),
    ('{"n_total": [1]}', ":2: problem_id"),
    (
      '{"problem_id": "a", "n_correct": [1], "n_total": [1, 1], "completer":'
      ' "c", "steps": ["x", "y"]}',
      ":2: n_correct: 1 labels for 2 steps",
    ),
    (
      '{"problem_id": "a", "n_correct": [], "n_total": [], "completer": "c",'
      ' "steps": []}',
      "labels[1].steps: the solution has none",
    ),
    (
      '{"problem_id": "a", "n_correct": [1], "n_total": [1], "completer": "c",'
      ' "steps": ["x"]}',
      "labels[1].extra.root: 'a' has no count",
    ),
  ],
)
def test_bad_lines(line, told, files, mistake, tmp_path, prm):
  labels, _ = files
  bad = tmp_path / "bad.jsonl"
  first = labels.read_text().splitlines()[0]
  bad.write_text(f"{first}\n{line}\n")
  found = mistake(bad)
  assert str(bad) in found
  assert told in found
  if "extra.root" not in told:  # nothing a reader could skip
    work = ("--workdir", tmp_path / "skipped", "--config.skip_bad=true")
    code, out, _ = prm("label", "--config", "relabel", "--input", bad, *work)
    assert code == 0
    assert "1 bad lines" in out[-1]


@pytest.mark.parametrize(
  ("config", "flag", "told"),
  [
    ("relabel:sudoku", "skip_bad=true", "'sudoku'"),
    ("relabel:rpe", "method.threshold=2.0", "method.threshold"),
    ("relabel:judge", "judge.kind=oracle", "no problem"),
    ("relabel:judge", "judge.kind=model", "no problem"),
    ("relabel:pav", "other=nowhere.jsonl", "nowhere.jsonl"),
    ("relabel:rpe", "other=nowhere.jsonl", "other: 'rpe' reads no second"),
  ],
)
def test_bad_fields(config, flag, told, files, mistake):
  assert told in mistake(files[0], f"--config.{flag}", config=config)


def test_a_model_that_judges_has_to_be_named(files, mistake):
  flags = (f"--config.problems={files[1]}", "--config.judge.kind=model")
  told = mistake(files[0], *flags, config="relabel:judge")
  assert "judge.kind: 'model' needs --verifier" in told
