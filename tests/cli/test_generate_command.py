"""`prm-jax generate`: the same bytes again, different problems, mistakes."""

import json

import pytest

from prm_jax.cli import generate
from prm_jax.data import record_files, records
from prm_jax.reports import results
from prm_jax.tasks import questions

SMALL = {
  "procbench": ("--config.options.step_counts=2,3",),
  "dia": ("--config.options.instances=2",),
  "perturbation": ("--config.options.num_seeds=18",),
  "chain": (
    "--config.options.task.num_problems=300",
    "--config.options.num_rows=20",
  ),
  "graph_arithmetic": (
    "--config.options.task.num_problems=200",
    "--config.options.num_rows=10",
    "--config.options.style=words",
  ),
}
NUM = {"procbench": 80, "dia": 20, "perturbation": 18 * 8}


@pytest.fixture
def made(prm, tmp_path):
  def run(name, *more, workdir="set"):
    work = ("--workdir", tmp_path / workdir)
    code, out, err = prm(
      "generate", "--config", f"generate:{name}", *work, *SMALL[name], *more
    )
    assert code == 0, err
    return tmp_path / workdir / generate.SET, out

  return run


@pytest.mark.parametrize("name", SMALL)
def test_the_same_bytes_again(name, made):
  path, (told,) = made(name)
  text = path.read_bytes()
  path.unlink()
  assert made(name)[0].read_bytes() == text
  assert made(name, workdir="again")[0].read_bytes() == text
  other, _ = made(name, "--config.seed=1", workdir="other")
  assert other.read_bytes() != text
  assert str(path) in told


@pytest.mark.parametrize("name", NUM)
def test_problems_are_questions_of_a_search(name, made):
  path, _ = made(name)
  found = record_files.read(path, records.Problem).records
  assert len(found) == len({p.prompt for p in found}) == NUM[name]
  read = questions.read(str(path), "task.problems")
  assert [(p.id, p.prompt, p.answer) for p in read] == [
    (p.id, p.prompt, p.answer) for p in found
  ]


@pytest.mark.parametrize("name", ["chain", "graph_arithmetic"])
def test_rows_are_measured_as_they_are(name, made, prm, tmp_path):
  """A verifier that knows the labels is perfect at 0.5."""
  path, (told,) = made(name)
  rows = [json.loads(line) for line in path.read_text().splitlines()]
  assert len({row["problem"] for row in rows}) == len(rows)
  half = len(rows) // 2
  assert f"{half} erroneous, {half} correct" in told
  scores = tmp_path / "scores.jsonl"
  scores.write_text(
    "".join(
      json.dumps(
        {"scores": [float(i != r["label"]) for i in range(len(r["steps"]))]}
      )
      + "\n"
      for r in rows
    )
  )
  code, _, err = prm(
    *("evaluate", "--benchmark", "processbench", "--input", path),
    *("--scores", scores, "--workdir", tmp_path / "measured"),
    "--config.bootstrap.num_resamples=50",
  )
  assert code == 0, err
  found = results.read(tmp_path / "measured" / results.FILE).rows
  f1 = {row.name: row.value for row in found if row.metric == "f1"}
  assert f1 == {name: 1, "average": 1}


@pytest.mark.parametrize(
  ("name", "flags", "told"),
  [
    ("chain", ("--config.options.num_rows=2000",), "options.num_rows: 2000, b"),
    ("chain", ("--config.options.share_wrong=2",), "expected at least 1 and a"),
    ("chain", ("--config.options.split=all",), "options.split: 'all' is not"),
    ("chain", ("--config.options.task.modulus=1",), "modulus"),
    ("chain", ("--config.options.task.name=game24",), "task."),
    (
      "dia",
      ("--config.options.instances=65",),
      "has fewer than 65 different ones",
    ),
    ("dia", ("--config.seed=-1",), "seed: must be at least 0"),
    ("dia", ("--config.set=rimo",), "set: 'rimo' is not one of procbench, dia"),
    ("dia", ("--config.set=procbench",), "options.instances: no such field"),
    ("procbench", ("--config.options.step_counts=1,2",), "expected 2 to 25"),
    ("rimo", (), "'rimo'"),
  ],
)
def test_mistakes_are_one_line(name, flags, told, prm, tmp_path):
  code, _, err = prm(
    *("generate", "--config", f"generate:{name}"),
    *("--workdir", tmp_path / "set", *flags),
  )
  assert (code, len(err)) == (2, 1)
  assert told in err[0]
