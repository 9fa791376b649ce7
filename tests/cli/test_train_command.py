"""`prm-jax train`: kills, a full disk, every objective, mistakes."""

import shutil
from typing import NamedTuple

import numpy as np
import pytest

from prm_jax.build import models
from prm_jax.checkpoint import disk, store
from prm_jax.cli import train
from prm_jax.data import record_files, records
from prm_jax.train import writers
from tests.cli import outputs

SAVE = "prm_jax.checkpoint.store:CheckpointStore.save"
WRITE = "prm_jax.train.writers:MetricWriter.write"
EXAMPLE = "prm_jax.data.builders.task_builder:TaskBuilder._example"


class Usage(NamedTuple):
  free: int


def curve(workdir):
  return outputs.curve(workdir / writers.FILE)


def assert_same_params(one, other):
  found = [store.load_model(path / train.MODEL)[0] for path in (one, other)]
  leaves = [dict(records_of(tree)) for tree in found]
  assert leaves[0].keys() == leaves[1].keys()
  for path, leaf in leaves[0].items():
    np.testing.assert_array_equal(leaf, leaves[1][path])


def records_of(tree, prefix=""):
  for name, value in tree.items():
    if isinstance(value, dict):
      yield from records_of(value, f"{prefix}{name}/")
    else:
      yield f"{prefix}{name}", value


def test_the_run_goes_on_bit_for_bit(
  finished, tmp_path, tiny, prm, harmed, monkeypatch
):
  """After kill -9, SIGTERM and a full disk, in generation, steps and saves."""
  workdir = tmp_path / "run"
  command = ("train", "--config", tiny("policy"), "--workdir", workdir)
  full = harmed("full", EXAMPLE, 300, *command)
  assert full.returncode == 2
  (line,) = full.stderr.splitlines()
  assert line.startswith(f"prm-jax: error: {workdir / 'data'}")

  killed = harmed("kill", EXAMPLE, 300, *command)
  assert killed.returncode == -9
  assert not (workdir / writers.FILE).exists()

  killed = harmed("kill", WRITE, 1, *command)
  assert killed.returncode == -9
  assert [row["step"] for row in curve(workdir)] == [5]

  stopped = harmed("terminate", WRITE, 3, *command)
  assert stopped.returncode == 143
  (line,) = stopped.stderr.splitlines()
  assert line.startswith("prm-jax: terminated; ")

  killed = harmed("kill", SAVE, 1, *command)  # writing is under way
  assert killed.returncode == -9
  assert not (workdir / train.MODEL).exists()

  with monkeypatch.context() as patch:
    patch.setattr(disk.shutil, "disk_usage", lambda path: Usage(free=0))
    one_line(prm(*command), f"{workdir / train.CHECKPOINTS}: step 20 not saved")

  code, _, _ = prm(*command)
  assert code == 0
  assert curve(workdir) == curve(finished.workdir / "policy")
  assert_same_params(workdir, finished.workdir / "policy")

  before = outputs.snapshot(workdir)
  code, out, err = prm(*command)  # nothing is left to do
  assert (code, out, err) == (0, [f"model: {workdir / train.MODEL}"], [])
  assert outputs.snapshot(workdir) == before


@pytest.fixture
def value_flags(finished, tiny):
  """A value model's run of three steps on the quickstart's samples."""

  def flags(objective, workdir, *more):
    samples = finished.workdir / "samples"
    return [
      "train",
      "--config",
      tiny(objective),
      "--workdir",
      workdir,
      f"--config.examples.problems={samples / 'validation.problems.jsonl'}",
      f"--config.examples.solutions={samples / 'validation.solutions.jsonl'}",
      "--config.fit.num_steps=3",
      "--config.fit.log_every=1",
      "--config.optim.warmup_steps=1",
      *(f"--config.{flag}" for flag in more),
    ]

  return flags


def losses(workdir):
  rows = [row for row in curve(workdir) if "train/loss" in row]
  assert [row["step"] for row in rows] == [1, 2, 3]
  found = np.array([row["train/loss"] for row in rows])
  assert np.isfinite(found).all()
  return found


SQUARED = ("objective.loss=squared_error", "model.value_link=identity")


@pytest.mark.parametrize(
  ("objective", "flags"),
  [
    ("orm", SQUARED),
    ("ovm", SQUARED),
    ("tvm", SQUARED),
    ("ovm", ("model.value_head=token",)),
    ("tvm", ("model.dtype=bfloat16",)),
    ("tvm", ("optim.ema_decay=0.9", "optim.name=adamw")),
  ],
)
def test_a_value_model_learns(objective, flags, value_flags, tmp_path, prm):
  # All samples of the tiny policy are wrong: the value to learn is 0.
  code, _, _ = prm(*value_flags(objective, tmp_path / "run", *flags))
  assert code == 0
  found = losses(tmp_path / "run")
  assert found[-1] < found[0] or found.max() == 0  # identity starts at 0
  loaded = models.load(tmp_path / "run" / train.MODEL, "model")
  head = "token" if "model.value_head=token" in flags else "scalar"
  assert loaded.model.config.value_head == head
  assert loaded.extra == {"objective": objective, "aggregate": "last"}


def test_micro_batches_are_one_batch(value_flags, tmp_path, prm):
  found = []
  for num in (1, 2):
    workdir = tmp_path / str(num)
    flag = f"num_micro_batches={num}"
    assert prm(*value_flags("tvm", workdir, flag))[0] == 0
    found.append(losses(workdir))
  np.testing.assert_allclose(*found, rtol=1e-5)


STEP = ("objective.name=step", "model.value_head=step")


def test_step_labels_of_the_oracle(tiny, tmp_path, prm):
  code, _, _ = prm(
    "train",
    "--config",
    tiny("policy"),
    "--workdir",
    tmp_path / "run",
    *(f"--config.{flag}" for flag in STEP),
    "--config.model.use_lm_head=False",
    "--config.fit.num_steps=3",
    "--config.fit.log_every=1",
    "--config.optim.warmup_steps=1",
  )
  assert code == 0
  found = losses(tmp_path / "run")
  assert found[0] == pytest.approx(np.log(2), abs=1e-5)
  assert found[-1] < found[0]


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_step_labels_of_a_file(kind, value_flags, tmp_path, prm):
  problems = tmp_path / "problems.jsonl"
  labels = tmp_path / "labels.jsonl"
  problem = records.Problem(
    "game24/1-2-3-4", "game24", "1 2 3 4 :", "24", {"numbers": [1, 2, 3, 4]}
  )
  label = records.StepLabels(
    problem_id=problem.id,
    n_correct=(3, 1),
    n_total=(4, 4),
    completer="policy",
    steps=("1 * 2 = 2 | 2 3 4", "2 - 3 = -1 | -1 4"),
    hard=(1, 0) if kind == "hard" else None,
  )
  record_files.write(problems, [problem])
  record_files.write(labels, [label] * 20)
  workdir = tmp_path / "run"
  files = (f"examples.problems={problems}", f"examples.labels={labels}")
  code, _, err = prm(*value_flags("tvm", workdir, *STEP, *files))
  assert code == 0, err
  row = curve(workdir)[0]
  assert row["train/loss"] == pytest.approx(np.log(2), abs=1e-5)


def one_line(run, *told):
  code, _, err = run
  assert (code, len(err)) == (2, 1), err
  for text in told:
    assert text in err[0]


@pytest.mark.parametrize(
  ("flag", "told"),
  [
    ("examples.nothing=1", "has no field examples.nothing"),
    ("model.value_head=none", "model has no head"),
    ("objective.name=mvm", "objective.name: 'mvm' is not one of"),
    ("objective.lm_coefficient=1", "needs model.use_lm_head"),
    ("model.value_link=identity", "objective.loss"),
    ("num_micro_batches=3", "num_micro_batches: 3 does not divide"),
    ("data.layout=pack", "data.boundaries"),
    ("optim.name=sgd", "optim.name"),
    ("mesh.tensor=7", "tensor"),
    ("fit.num_steps=0", "fit.num_steps"),
    ("model.dtype=int8", "model.dtype 'int8'"),
    ("task.name=chess", "task.name: no task 'chess'"),
    ("init=/nowhere", "config.init: /nowhere: no model here"),
    ("examples.solutions=", "examples.solutions: no file given"),
    ("examples.problems=/nowhere.jsonl", "/nowhere.jsonl: no such file"),
    ("tree.estimate=lucky", "lucky"),
  ],
)
def test_mistakes_claim_nothing(flag, told, value_flags, tmp_path, prm):
  workdir = tmp_path / "run"
  one_line(prm(*value_flags("tvm", workdir, flag)), told)
  assert not (workdir / "config.json").exists()


def test_a_policy_has_no_value_to_learn(tiny, tmp_path, prm):
  command = ("train", "--config", tiny("policy"), "--workdir", tmp_path / "a")
  told = "objective.name: 'tvm' needs a value head"
  one_line(prm(*command, "--config.objective.name=tvm"), told)


@pytest.mark.parametrize(
  "field", ["num_layers=2", "use_qk_norm=True", "tie_embeddings=False"]
)
def test_a_start_from_another_model(
  field, finished, value_flags, tmp_path, prm
):
  policy = finished.workdir / "policy" / train.MODEL
  name = field.partition("=")[0]
  command = value_flags("tvm", tmp_path / "run")
  config = tmp_path / "config.py"
  config.write_text(
    "from tests.cli import tiny\n"
    "def get_config():\n"
    "  c = tiny.get_config('tvm')\n"
    f"  c.model.{field}\n"
    "  return c\n"
  )
  command[command.index("--config") + 1] = config
  one_line(
    prm(*command, "--model", policy),
    f"config.init: checkpoint of another model: {name} is",
  )


@pytest.mark.parametrize(
  ("line", "told"),
  [
    ("{", ":2: not JSON"),
    ('{"problem_id": 3, "steps": []}', ":2: problem_id"),
    ('{"problem_id": "x", "steps": ["1"], "correct": true}', "no problem 'x'"),
    ('{"problem_id": "%s", "steps": ["a"], "correct": true}', "not know 'a'"),
    ('{"problem_id": "%s", "steps": ["1 + 1 = 2 | 2"]}', "correct: missing"),
  ],
)
def test_malformed_solutions(line, told, finished, value_flags, tmp_path, prm):
  samples = finished.workdir / "samples"
  first = (samples / "validation.solutions.jsonl").read_text().splitlines()[0]
  known = record_files.read(
    samples / "validation.problems.jsonl", records.Problem
  ).records[0]
  path = tmp_path / "bad.jsonl"
  line = line.replace("%s", known.id)
  path.write_text(f"{first}\n{line}\n")
  run = prm(*value_flags("tvm", tmp_path / "run", f"examples.solutions={path}"))
  one_line(run, str(path), told)


def test_a_workdir_of_another_config_is_left_alone(
  finished, tiny, tmp_path, prm
):
  workdir = tmp_path / "copy"
  shutil.copytree(finished.workdir, workdir)
  before = outputs.snapshot(workdir)
  command = ("train", "--config", tiny("policy"), "--workdir", workdir)
  one_line(prm(*command), "belongs to another run: command is")
  assert outputs.snapshot(workdir) == before
