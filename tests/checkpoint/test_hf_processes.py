"""Two processes load their parts of a checkpoint and write one folder."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
from safetensors import numpy as st

from tests.checkpoint import folders

SCRIPT = """
import functools, json, sys
from prm_jax.train import topology

here = topology.start()
import jax
from prm_jax.checkpoint import hf
from prm_jax.train import partition

source, target = sys.argv[1:]
mesh = partition.make_mesh(partition.MeshConfig(1, -1, 1))
found = hf.load(
  source, shardings_fn=functools.partial(partition.shardings_of, mesh=mesh))
hf.save(target, found.params, found.config, fields=found.fields,
        files=[f"{source}/tokenizer.json"], max_shard_bytes=6000)
table = found.params["params"]["trunk"]["embedder"]["table"]
print(json.dumps({
  "index": here.process_index,
  "whole": table.shape,
  "own": [s.data.shape for s in table.addressable_shards],
}))
"""


def test_two_processes_write_one_folder(project_root, tmp_path):
  source, target = tmp_path / "source", tmp_path / "target"
  folders.qwen2(source)
  with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
  started = [
    subprocess.Popen(
      [sys.executable, "-c", SCRIPT, str(source), str(target)],
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
    told = [process.communicate(timeout=400) for process in started]
  finally:
    for process in started:
      process.kill()
  for process, (_, error) in zip(started, told, strict=True):
    assert process.returncode == 0, error
  for index, (out, _) in enumerate(told):
    found = json.loads(out.splitlines()[-1])
    rows, width = found["whole"]
    assert found["index"] == index
    assert found["own"] == [[rows, width // 2]]  # each has its half

  assert not target.with_name("target.tmp").exists()
  assert (target / "tokenizer.json").exists()
  files = sorted(target.glob("*.safetensors"))
  assert len(files) > 2
  written = {k: v for file in files for k, v in st.load_file(file).items()}
  want = st.load_file(source / "model.safetensors")
  assert written.keys() == want.keys()
  for name, value in want.items():
    np.testing.assert_array_equal(written[name], value)
