"""Names to mesh axes; eight devices compute what one computes."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from prm_jax import errors
from prm_jax.train import partition


@pytest.fixture(scope="module")
def abstract_mesh():
  return jax.sharding.AbstractMesh((2, 2, 2), partition.MESH_AXES)


@pytest.mark.parametrize(
  ("names", "shape", "spec"),
  [
    (("vocab", "embed"), (16, 8), ("tensor", "fsdp")),
    (("layers", "embed", "heads", "head_dim"), (3, 8, 4, 2),
     (None, "fsdp", "tensor", None)),
    (("vocab", "embed"), (37, 8), (None, "fsdp")),  # 37 stays whole
    (("mlp", None), (6, 5), ("tensor", None)),
    (("embed", "classes"), (8, 2), ("fsdp", None)),
  ],
)  # fmt: skip
def test_names_become_mesh_axes(names, shape, spec, abstract_mesh):
  found = partition.spec_of(names, shape, abstract_mesh)
  assert found == PartitionSpec(*spec)


def test_two_names_on_one_mesh_axis_collide(abstract_mesh):
  with pytest.raises(ValueError, match="'heads' and 'mlp' are both split"):
    partition.spec_of(("heads", "mlp"), (4, 4), abstract_mesh)


def test_name_without_a_rule_is_an_error(abstract_mesh):
  with pytest.raises(ValueError, match=r"'widht' of .* has no rule"):
    partition.spec_of(("widht",), (4,), abstract_mesh)


@pytest.mark.parametrize(
  ("sizes", "told"),
  [
    ({"data": 3}, "does not fit 1 device"),
    ({"fsdp": 0}, "must be positive"),
    ({"fsdp": -1}, "at most one"),
    ({"tensor": 2}, "does not fit 1 device"),
  ],
)
def test_mesh_that_does_not_fit_is_told(sizes, told):
  with pytest.raises(errors.UserError, match=told):
    partition.make_mesh(partition.MeshConfig(**sizes), jax.devices()[:1])


SCRIPT = """
import json, pathlib, sys
import jax, numpy as np
from prm_jax import errors, metrics
from prm_jax.checkpoint import store
from prm_jax.train import partition
from tests.train import toy

def steps(mesh, num=3, **options):
  run = toy.setup(toy.Toy(width=16), mesh=mesh, **options)
  now = run.init_state()
  batches = toy.Batches(rows=16)
  for _ in range(num):
    batch = partition.put_batch(
      next(batches), partition.batch_sharding(mesh))
    now, found = run.step_fn(now, batch)
  assert run.num_compilations == 1
  return run, now, metrics.to_scalars(found)

def gap(left, right):
  left, right = toy.flat(left), toy.flat(right)
  assert left.keys() == right.keys()
  return max(
    float(np.abs(left[k] - right[k]).max()) for k in left if left[k].size)

assert jax.device_count() == 8
one = partition.make_mesh(devices=jax.devices()[:1])
_, alone, scalars = steps(one)
want = (alone.params, alone.opt_state, alone.ema)
gaps = {}
for sizes in ((1, 2, 4), (2, 2, 2)):
  mesh = partition.make_mesh(partition.MeshConfig(*sizes))
  run, now, found = steps(mesh)
  gaps[str(sizes)] = max(
    gap((now.params, now.opt_state, now.ema), want),
    max(abs(found[k] - scalars[k]) for k in scalars))
mesh = partition.make_mesh(partition.MeshConfig(1, 2, 4))
run, now, _ = steps(mesh, num_micro_batches=2)
gaps["micro"] = gap((now.params, now.opt_state, now.ema), want)

kernel = now.params["up"]["kernel"]
shards = sorted({s.data.shape for s in kernel.addressable_shards})
moment = now.opt_state[1][0].mu["up"]["kernel"]
same = moment.sharding == kernel.sharding

# Saved on eight devices, read on one, each into its own shardings.
with store.CheckpointStore(sys.argv[1]) as checkpoints:
  checkpoints.save(3, now)
  checkpoints.wait()
  single = toy.setup(toy.Toy(width=16), mesh=one)
  _, read = checkpoints.restore(single.abstract_state)
  gaps["read"] = gap(read.params, now.params)
  _, back = checkpoints.restore(run.abstract_state)
  resharded = back.params["up"]["kernel"].sharding == kernel.sharding
try:
  partition.put_batch(
    next(toy.Batches(rows=7)), partition.batch_sharding(mesh))
  told = ""
except errors.UserError as error:
  told = str(error)
print(json.dumps(dict(gaps=gaps, shards=shards, same=same,
                      resharded=resharded, told=told)))
"""


@pytest.fixture(scope="module")
def eight(project_root, eight_devices, tmp_path_factory):
  """What a process with eight devices found."""
  done = subprocess.run(
    [sys.executable, "-c", SCRIPT, str(tmp_path_factory.mktemp("c") / "c")],
    cwd=project_root,
    env=eight_devices,
    capture_output=True,
    text=True,
    check=False,
    timeout=300,
  )
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout.splitlines()[-1])


def test_eight_devices_compute_what_one_does(eight):
  assert eight["gaps"].pop("read") == 0
  assert len(eight["gaps"]) == 3
  assert max(eight["gaps"].values()) < 1e-5, eight["gaps"]


def test_state_is_split_over_the_mesh(eight):
  assert eight["shards"] == [[16 // 2, 64 // 4]]
  assert eight["same"]
  assert eight["resharded"]


def test_rows_that_devices_do_not_divide_are_told(eight):
  assert "batch of 7 rows cannot be split over 2 devices" in eight["told"]


def test_init_is_as_announced():
  """Shardings and values are those of the abstract state and init_fn."""
  mesh = partition.make_mesh(devices=jax.devices()[:1])
  abstract, compute = partition.sharded_init(
    lambda key: {"x": jax.random.normal(key, (4,))}, mesh, jax.random.key(0)
  )
  assert abstract["x"].sharding == compute()["x"].sharding
  np.testing.assert_array_equal(
    compute()["x"], jax.random.normal(jax.random.key(0), (4,))
  )
