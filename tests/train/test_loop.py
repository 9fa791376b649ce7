"""What a run writes and shows, and what it costs; no interruptions here."""

import io
import json
import os

import jax
import numpy as np
import pytest
import rich.console

from prm_jax import errors, metrics
from prm_jax.train import (
  evaluate,
  loop,
  partition,
  progress,
  report,
  topology,
  writers,
)
from tests.train import toy


@pytest.fixture(scope="module")
def run():
  return toy.setup(num_steps=200)


def test_loss_falls_and_nothing_is_compiled_twice(run, tmp_path):
  config = loop.FitConfig(num_steps=200, log_every=50)
  final = loop.fit(run, toy.Batches(), config, workdir=tmp_path)
  assert int(final.step) == 200
  losses = [row["train/loss"] for row in toy.rows(tmp_path)]
  assert len(losses) == 4
  assert losses[-1] < 0.5 * losses[0]
  assert run.num_compilations == 1


def test_row_is_the_mean_over_its_window(run, tmp_path):
  each, window = (loop.FitConfig(num_steps=6, log_every=n) for n in (1, 3))
  for config in (each, window):
    name = str(config.log_every)
    loop.fit(run, toy.Batches(), config, workdir=tmp_path / name)
  single, pair = (toy.rows(tmp_path / n) for n in ("1", "3"))
  assert [r["step"] for r in pair] == [3, 6]
  counts = [b["weights"].sum() for b in toy.Batches(num=6)]
  for row, begin in zip(pair, (0, 3), strict=True):
    part = slice(begin, begin + 3)
    expected = np.average(
      [r["train/loss"] for r in single[part]], weights=counts[part]
    )
    assert row["train/loss"] == pytest.approx(expected, rel=1e-6)


def test_loop_never_waits_for_the_step_it_queued(run, monkeypatch):
  """Rows are fetched after the next step is queued, one step behind."""
  events = []

  def step_fn(train_state, batch):
    found = run.step_fn(train_state, batch)
    events.append("step")
    return found

  flush = report.Reporter.flush

  def spy(self, until):
    events.append(f"rows to {until}")
    return flush(self, until)

  monkeypatch.setattr(report.Reporter, "flush", spy)
  spied = loop.Setup(run.abstract_state, run.init_state, step_fn, run.mesh)
  config = loop.FitConfig(num_steps=5, log_every=2)
  loop.fit(spied, toy.Batches(), config)
  assert events == [
    "step", "step", "step", "rows to 2", "step", "step", "rows to 4",
    "rows to 5",
  ]  # fmt: skip


def test_evaluation_is_the_loss_over_all_batches(run):
  batches = list(toy.Batches(num=3))
  eval_fn = evaluate.make_eval_fn(toy.make_loss(), lambda: batches, run.mesh)
  params = run.init_state().params
  found = metrics.to_scalars(eval_fn(params))
  parts = [toy.make_loss()(params, b)[0] for b in batches]
  total = sum(float(p.total) for p in parts)
  assert found["loss"] == pytest.approx(
    total / sum(float(p.count) for p in parts), rel=1e-5
  )
  assert 0 <= found["accuracy"] <= 1


def test_evaluation_sees_the_averaged_parameters(run):
  seen = []

  def eval_fn(params):
    seen.append(jax.tree.map(np.array, params))
    return {"one": metrics.Mean(1.0, 1.0)}

  config = loop.FitConfig(num_steps=2)
  final = loop.fit(run, toy.Batches(), config, eval_fn=eval_fn)
  (found,) = seen
  np.testing.assert_array_equal(found["table"], final.ema["table"])
  assert np.abs(found["table"] - final.params["table"]).max() > 0


def test_mfu_follows_from_tokens_per_second(tmp_path, monkeypatch):
  monkeypatch.setattr(topology, "peak_flops", lambda kind: 1e9)
  writer = writers.MetricWriter(tmp_path)
  bar = progress.Progress(
    "x", 9, console=rich.console.Console(file=io.StringIO())
  )
  reporter = report.Reporter(writer, bar, flops_per_token=600.0)
  found = {
    "loss": metrics.Mean(np.float32(6), np.float32(4)),
    "finite": metrics.Mean(np.float32(1), np.float32(1)),
  }
  reporter.add(1, found, 100)
  assert reporter.flush(1) is None
  writer.close()
  (row,) = writers.read(tmp_path / writers.FILE)
  devices = jax.device_count()
  assert row["train/loss"] == 1.5
  assert row["time/mfu"] == pytest.approx(
    row["time/tokens_per_s"] * 600 / (1e9 * devices)
  )
  assert "train/finite" not in row


def test_padding_is_no_token():
  batch = {"segment_ids": np.array([[1, 1, 0], [1, 2, 2]]), "x": np.ones(2)}
  assert report.num_tokens(batch) == 5
  assert report.num_tokens({"tokens": np.ones((4, 6))}) == 24


def shown(interval, **options):
  file = io.StringIO()
  console = rich.console.Console(file=file, width=200, **options)
  bar = progress.Progress("train", 4, console=console, interval=interval)
  for n in (1, 2, 3, 4):
    bar.update(n, {"train/loss": n / 8, "time/tokens_per_s": 1234.5})
  bar.update(4, {"eval/accuracy": 0.5})
  bar.close()
  return file.getvalue()


def test_progress_without_a_terminal_is_a_few_lines():
  assert shown(1e9).splitlines() == [
    "train 0/4",
    "train 4/4 loss 0.5000 · 1,234 tokens/s",
    "train 4/4 accuracy 0.5000",
  ]
  assert len(shown(0.0).splitlines()) == 6


def test_progress_in_a_terminal_is_a_bar():
  text = shown(0.0, force_terminal=True)
  assert "4/4" in text
  assert "accuracy 0.5000" in text
  assert "\x1b[" in text


def test_rows_after_the_first_step_are_dropped(tmp_path):
  path = tmp_path / writers.FILE
  rows = [{"step": n, "train/loss": 1 / n} for n in (3, 6, 9)]
  path.write_text("".join(json.dumps(r) + "\n" for r in rows) + '{"st')
  writer = writers.MetricWriter(tmp_path, 6)
  assert writer.kept == rows[:2]
  writer.write(7, {"train/loss": float("nan"), "train/x": 2.0})
  writer.close()
  assert writers.read(path) == [
    *rows[:2], {"step": 7, "train/loss": None, "train/x": 2.0},
  ]  # fmt: skip
  assert os.listdir(tmp_path / "tensorboard")


def test_workdir_that_cannot_be_written_is_told(run, tmp_path):
  (tmp_path / "file").write_text("")
  config = loop.FitConfig(num_steps=1)
  with pytest.raises(errors.UserError, match=r"file/x/metrics.jsonl: cannot"):
    loop.fit(run, toy.Batches(), config, workdir=tmp_path / "file" / "x")


@pytest.mark.parametrize(
  "change", [{"num_steps": 0}, {"log_every": 0}, {"save_every": -1}]
)
def test_bad_settings_name_the_field(change):
  with pytest.raises(errors.UserError, match=f"fit.{next(iter(change))}"):
    loop.FitConfig(**({"num_steps": 5} | change))


@pytest.mark.parametrize(
  ("environ", "found"),
  [
    ({}, False),
    ({"SLURM_NTASKS": "1"}, False),
    ({"SLURM_NTASKS": "4"}, True),
    ({"OMPI_COMM_WORLD_SIZE": "2"}, True),
    ({"JAX_COORDINATOR_ADDRESS": "10.0.0.1:1234"}, True),
    ({"TPU_WORKER_HOSTNAMES": "localhost"}, False),
    ({"TPU_WORKER_HOSTNAMES": "a,b"}, True),
  ],
)
def test_cluster_is_found_in_the_environment(environ, found):
  assert topology.has_cluster(environ) == found


def test_one_machine_is_a_topology(monkeypatch):
  for name in ("SLURM_NTASKS", "JAX_COORDINATOR_ADDRESS"):
    monkeypatch.delenv(name, raising=False)
  here = topology.start()
  assert here.is_primary
  assert here.device_count == jax.device_count()
  assert topology.peak_flops("NVIDIA H100 80GB HBM3") == 989e12
  assert topology.peak_flops("cpu") is None
  assert partition.make_mesh().size == here.device_count
