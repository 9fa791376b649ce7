"""Kill a run, start it again: nothing tells it from one left alone."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.train import loop
from tests.train import toy

KILLED = -9


@pytest.fixture(scope="module")
def run_toy(project_root, tmp_path_factory):
  """Runs the toy in a process of its own; they share compiled programs."""
  cache = tmp_path_factory.mktemp("programs")
  env = os.environ | {
    "PYTHONPATH": str(project_root),
    "JAX_COMPILATION_CACHE_DIR": str(cache),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
  }

  def run(workdir, *args):
    return subprocess.run(
      [sys.executable, "-m", "tests.train.toy", str(workdir), *map(str, args)],
      cwd=project_root,
      env=env,
      capture_output=True,
      text=True,
      check=False,
      timeout=300,
    )

  return run


@pytest.fixture(scope="module")
def toy_run():
  """Compiled once for all runs inside this process."""
  return toy.setup()


@pytest.fixture(scope="module")
def alone(run_toy, tmp_path_factory):
  """The run that nothing interrupts."""
  workdir = tmp_path_factory.mktemp("alone")
  done = run_toy(workdir)
  assert done.returncode == 0, done.stderr
  return workdir


def assert_same_run(workdir, other):
  assert toy.rows(workdir) == toy.rows(other)
  left, right = (np.load(w / "final.npz") for w in (workdir, other))
  assert left.files == right.files
  for name in left.files:
    np.testing.assert_array_equal(left[name], right[name], err_msg=name)


def test_killed_run_continues_bit_for_bit(run_toy, tmp_path, alone):
  for where in (("batch", 3), ("saving", 12), ("row", 16), ("batch", 23)):
    done = run_toy(tmp_path, *where)
    assert done.returncode == KILLED, (where, done.stderr)
  done = run_toy(tmp_path)
  assert done.returncode == 0, done.stderr
  assert "continues from step 1" in done.stdout  # 12 or 18
  assert_same_run(tmp_path, alone)


def test_rows_are_those_asked_for(alone):
  found = toy.rows(alone)
  assert [r["step"] for r in found if "train/loss" in r] == [
    4, 6, 8, 12, 16, 18, 20, 24,
  ]  # fmt: skip
  assert [r["step"] for r in found if "eval/loss" in r] == [12, 24]
  losses = [r["train/loss"] for r in found if "train/loss" in r]
  assert losses[-1] < 0.9 * losses[0]
  assert {"train/accuracy", "train/grad_norm", "train/learning_rate"} <= set(
    found[0]
  )
  assert list((alone / "tensorboard").iterdir())


def test_truncated_newest_checkpoint_falls_back(
  alone, tmp_path, toy_run, capsys
):
  workdir = tmp_path / "run"
  shutil.copytree(alone, workdir)
  for file in (workdir / "checkpoints" / "24" / "state").rglob("*"):
    if file.is_file():
      os.truncate(file, file.stat().st_size // 2)
  final = toy.train(workdir, run=toy_run)
  told = capsys.readouterr()
  (line,) = told.err.strip().splitlines()
  assert "24: checkpoint cannot be read" in line
  assert "falling back" in line
  assert "continues from step 18" in told.out
  assert toy.rows(workdir) == toy.rows(alone)
  expected = np.load(alone / "final.npz")
  found = toy.flat((final.params, final.opt_state))
  for name in expected.files:
    np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def test_finished_run_is_not_run_again(alone, tmp_path, toy_run):
  workdir = tmp_path / "run"
  shutil.copytree(alone, workdir)
  before = (workdir / "metrics.jsonl").read_text()
  batches = toy.Batches(num=0)  # any further batch would be an error
  assert toy.train(workdir, batches, run=toy_run).step == 24
  assert (workdir / "metrics.jsonl").read_text() == before


def test_other_model_is_refused(alone, tmp_path):
  workdir = tmp_path / "run"
  shutil.copytree(alone, workdir)
  before = (workdir / "metrics.jsonl").read_text()
  run = toy.setup(toy.Toy(width=12))
  with pytest.raises(errors.UserError) as caught:
    toy.train(workdir, run=run)
  line = str(caught.value)
  assert str(workdir / "checkpoints" / "24") in line
  assert "params/down/bias is float32 (8,) there, float32 (12,) here" in line
  assert "\n" not in line
  assert (workdir / "metrics.jsonl").read_text() == before


def test_data_without_a_place_is_refused(tmp_path):
  with pytest.raises(TypeError, match="get_state"):
    toy.train(tmp_path, iter(toy.Batches().__next__, None))


def test_nan_stops_with_the_last_good_state_saved(tmp_path, toy_run):
  config = loop.FitConfig(num_steps=24, log_every=4, save_every=6)
  with pytest.raises(loop.DivergedError, match="stopped at step 16:") as caught:
    toy.train(tmp_path, toy.Batches(poison=15), config, toy_run)
  assert caught.value.state.step == 15
  steps = [r["step"] for r in toy.rows(tmp_path) if "train/loss" in r]
  assert steps == [4, 6, 8, 12, 15]  # 15: the good ones of 13 to 16

  # With that batch mended the run goes on from there, none left out.
  batches = toy.Batches()
  mended = toy.train(tmp_path, batches, config, toy_run)
  assert batches.index == mended.step == 24
  whole = toy.train(tmp_path / "whole", toy.Batches(), config, toy_run)
  for name, value in toy.flat(whole.params).items():
    np.testing.assert_array_equal(toy.flat(mended.params)[name], value)


def test_data_that_ends_is_told(tmp_path, toy_run):
  with pytest.raises(errors.UserError, match="ended after 5 of 24"):
    toy.train(tmp_path, toy.Batches(num=5), run=toy_run)
