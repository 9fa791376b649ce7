"""Two real processes train, save and resume as one does."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from prm_jax.checkpoint import store
from prm_jax.train import loop
from tests.train import toy

SCRIPT = """
import json, pathlib, sys
from prm_jax.train import topology

here = topology.start()
assert topology.start() == here
import numpy as np
from prm_jax.checkpoint import store
from prm_jax.train import loop, partition
from tests.train import toy

class Part(toy.Batches):  # this process's rows
  def __next__(self):
    return {
      k: np.split(v, here.process_count)[here.process_index]
      for k, v in super().__next__().items()
    }

workdir = pathlib.Path(sys.argv[1])
run = toy.setup(mesh=partition.make_mesh(partition.MeshConfig(1, -1, 1)))
for num_steps in (4, 8):  # the second goes on from the first
  config = loop.FitConfig(num_steps=num_steps, log_every=2)
  with store.CheckpointStore(workdir / "checkpoints") as checkpoints:
    final = loop.fit(
      run, Part(), config, workdir=workdir, store=checkpoints)
store.save_model(workdir / "model", final.params, {"dim": 8})
print(json.dumps({
  "index": here.process_index,
  "shards": [s.data.shape for s in final.params["table"].addressable_shards],
}))
"""


def test_two_processes_train_as_one(project_root, tmp_path):
  with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
  started = [
    subprocess.Popen(
      [sys.executable, "-c", SCRIPT, str(tmp_path / "two")],
      cwd=project_root,
      env=os.environ
      | {
        "PYTHONPATH": str(project_root),
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "JAX_COORDINATOR_ADDRESS": f"localhost:{port}",
        "JAX_NUM_PROCESSES": "2",
        "JAX_PROCESS_ID": str(index),
      },
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    for index in range(2)
  ]
  try:
    told = [process.communicate(timeout=240) for process in started]
  finally:
    for process in started:
      process.kill()
  for process, (_, error) in zip(started, told, strict=True):
    assert process.returncode == 0, error
  for index, (out, _) in enumerate(told):
    assert json.loads(out.splitlines()[-1]) == {
      "index": index,
      "shards": [[toy.VOCAB, 4]],  # half of the width of 8
    }
  assert "train 8/8" in told[0][0]
  assert "train 8/8" not in told[1][0]

  config = loop.FitConfig(num_steps=8, log_every=2)
  alone = loop.fit(toy.setup(), toy.Batches(), config, workdir=tmp_path / "one")
  found, _ = store.load_model(tmp_path / "two" / "model")
  np.testing.assert_allclose(found["table"], alone.params["table"], atol=1e-5)
  two, one = (
    [row["train/loss"] for row in toy.rows(tmp_path / name)]
    for name in ("two", "one")
  )
  assert two == pytest.approx(one, rel=1e-5)
  places = tmp_path / "two" / "checkpoints" / "8" / "data"
  assert len(list(places.glob("process_*-of-2.json"))) == 2
