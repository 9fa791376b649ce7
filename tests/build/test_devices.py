"""The transformer trains on eight devices as on one."""

import json
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def report(project_root, eight_devices):
  done = subprocess.run(
    [sys.executable, "-m", "tests.build.devices"],
    cwd=project_root,
    env=eight_devices,
    capture_output=True,
    text=True,
    check=False,
    timeout=300,
  )
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout.splitlines()[-1])


def test_eight_devices_compute_what_one_does(report):
  assert report["moved"] > 1e-3
  assert len(report["gaps"]) == 2
  for sizes, gaps in report["gaps"].items():
    assert max(gaps.values()) < 1e-5, (sizes, gaps)


def test_matrices_are_split_by_fsdp_and_tensor(report):
  """On a mesh of 2 x 2 x 2; layers, norms and head_dim stay whole."""
  whole = {
    path.split("trunk']")[-1]: tuple(map(tuple, sizes))
    for path, sizes in report["shards"].items()
  }
  at = "['layers']['attention']"
  assert whole[f"{at}['query']['kernel']"] == ((2, 16, 4, 6), (2, 8, 2, 6))
  assert whole[f"{at}['key']['bias']"] == ((2, 2, 6), (2, 1, 6))
  assert whole["['layers']['mlp']['down']['kernel']"] == (
    (2, 24, 16), (2, 12, 8),
  )  # fmt: skip
  assert whole["['embedder']['table']"] == ((24, 16), (12, 8))
