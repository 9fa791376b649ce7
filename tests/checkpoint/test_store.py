"""Checkpoints come back exactly, or the one before does, or it is told."""

import os
import resource
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.checkpoint import position, store


class Data:
  """An iterator whose place is whatever it was last set to."""

  def __init__(self, state=None):
    self.state = state

  def get_state(self):
    return self.state

  def set_state(self, state):
    self.state = state


def make_state(seed):
  """Arrays large enough not to be stored within the index."""
  key = jax.random.key(seed)
  return {
    "params": {"w": jax.random.normal(key, (64, 48)), "b": jnp.ones(3) * seed},
    "half": jax.random.normal(key, (5,), jnp.bfloat16),
    "step": jnp.int32(seed),
    "none": None,
  }


ABSTRACT = jax.tree.map(
  lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
  make_state(0),
)


def assert_same(left, right):
  assert jax.tree.structure(left) == jax.tree.structure(right)
  for x, y in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
    assert x.dtype == y.dtype
    np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


@pytest.fixture(scope="module")
def two_checkpoints(tmp_path_factory):
  directory = tmp_path_factory.mktemp("run") / "checkpoints"
  with store.CheckpointStore(directory) as checkpoints:
    for step in (1, 2):
      checkpoints.save(step, make_state(step), Data({"read": step}))
  return directory


@pytest.fixture
def copy(two_checkpoints, tmp_path):
  directory = tmp_path / "checkpoints"
  shutil.copytree(two_checkpoints, directory)
  return directory


@pytest.mark.parametrize(
  "place", [b"\x00\xff any bytes", {"epoch": [1, {"at": 2}]}, "text", None]
)
def test_state_and_place_come_back(tmp_path, place):
  with store.CheckpointStore(tmp_path / "c") as checkpoints:
    checkpoints.save(7, make_state(7), Data(place))
  with store.CheckpointStore(tmp_path / "c") as checkpoints:
    data = Data("unset")
    step, found = checkpoints.restore(ABSTRACT, data)
  assert step == 7
  assert data.state == place
  assert_same(found, make_state(7))
  assert isinstance(data, position.Resumable)


def test_empty_store_restores_nothing(tmp_path):
  with store.CheckpointStore(tmp_path / "c") as checkpoints:
    assert checkpoints.restore(ABSTRACT) is None


def test_arrays_may_be_donated_at_once(tmp_path):
  """What is written is the state at the call, not what takes its place."""
  bump = jax.jit(lambda t: jax.tree.map(lambda x: x + 1, t), donate_argnums=0)
  now = make_state(0)
  expected = [jax.tree.map(lambda x: np.array(x), now)]
  with store.CheckpointStore(tmp_path / "c", max_to_keep=3) as checkpoints:
    for step in range(3):
      checkpoints.save(step, now)
      for _ in range(20):
        now = bump(now)
      expected.append(jax.tree.map(lambda x: np.array(x), now))
    for step in reversed(range(3)):
      found, state = checkpoints.restore(ABSTRACT)
      assert found == step
      assert_same(state, expected[step])
      shutil.rmtree(tmp_path / "c" / str(step))
      checkpoints._manager.reload()


def test_newest_are_kept(tmp_path):
  with store.CheckpointStore(tmp_path / "c", max_to_keep=2) as checkpoints:
    for step in (1, 2, 3, 4):
      checkpoints.save(step, make_state(step))
    checkpoints.wait()
    assert checkpoints.steps() == [3, 4]
    checkpoints.save(4, make_state(9))  # is there already
    assert_same(checkpoints.restore(ABSTRACT)[1], make_state(4))
  with pytest.raises(errors.UserError, match="max_to_keep=1"):
    store.CheckpointStore(tmp_path / "c", max_to_keep=1)


def all_files(directory):
  return sorted(
    f.relative_to(directory)
    for f in directory.rglob("*")
    if f.is_file() and f.stat().st_size
  )


def test_no_damaged_file_is_taken_for_good(two_checkpoints, tmp_path):
  """Every file cut in half, emptied or lost: the truth, or the one before."""
  fell_back = []
  for damage in ("half", "empty", "lost"):
    for file in all_files(two_checkpoints / "2"):
      directory = tmp_path / damage / str(len(fell_back)) / "checkpoints"
      shutil.copytree(two_checkpoints, directory)
      target = directory / "2" / file
      if damage == "lost":
        target.unlink()
      else:
        size = target.stat().st_size
        os.truncate(target, size // 2 if damage == "half" else 0)
      told = []
      with store.CheckpointStore(directory, tell=told.append) as checkpoints:
        data = Data()
        step, found = checkpoints.restore(ABSTRACT, data)
      fell_back.append(step == 1)
      assert_same(found, make_state(step))
      assert data.state == {"read": step}
      # The manager itself leaves aside what was not committed.
      assert len(told) <= (step == 1)
      assert all("falling back" in line for line in told)
      if step == 1:  # the run comes by here again
        with store.CheckpointStore(directory) as checkpoints:
          checkpoints.save(2, make_state(5), Data())
          checkpoints.wait()
          step, found = checkpoints.restore(ABSTRACT, Data())
        assert step == 2
        assert_same(found, make_state(5))
  assert any(fell_back)
  assert not all(fell_back)


def test_broken_checkpoint_makes_room(copy):
  for file in (copy / "2" / "state").rglob("*"):
    if file.is_file():
      os.truncate(file, 0)
  told = []
  with store.CheckpointStore(copy, tell=told.append) as checkpoints:
    step, _ = checkpoints.restore(ABSTRACT, Data())
    assert step == 1
    assert checkpoints.steps() == [1]
    checkpoints.save(2, make_state(2), Data("again"))
    checkpoints.wait()
    data = Data()
    step, found = checkpoints.restore(ABSTRACT, data)
  assert (step, data.state) == (2, "again")
  assert_same(found, make_state(2))
  (line,) = told
  assert str(copy / "2") in line
  assert "\n" not in line
  assert (copy.parent / "checkpoints_unreadable" / "2").is_dir()


def test_nothing_readable_is_an_error_and_nothing_is_moved(copy):
  for file in copy.rglob("*"):
    if file.is_file() and "state" in str(file.relative_to(copy)):
      os.truncate(file, 0)
  with (
    store.CheckpointStore(copy, tell=lambda line: None) as checkpoints,
    pytest.raises(errors.UserError, match=r"none of the checkpoints \[1, 2\]"),
  ):
    checkpoints.restore(ABSTRACT, Data())
  assert {"1", "2"} <= set(os.listdir(copy))


@pytest.mark.parametrize(
  ("change", "told"),
  [
    ({"half": jax.ShapeDtypeStruct((5,), jnp.float32)},
     r"half is bfloat16 \(5,\) there, float32 \(5,\) here"),
    ({"new": jax.ShapeDtypeStruct((2,), jnp.float32)},
     r"new is absent there, float32 \(2,\) here"),
    ({"params": {"b": jax.ShapeDtypeStruct((3,), jnp.float32)}},
     r"params/w is float32 \(64, 48\) there, absent here"),
  ],
)  # fmt: skip
def test_checkpoint_of_another_model_is_told(two_checkpoints, change, told):
  with (
    store.CheckpointStore(two_checkpoints) as checkpoints,
    pytest.raises(errors.UserError, match=told) as caught,
  ):
    checkpoints.restore(ABSTRACT | change, Data())
  assert str(two_checkpoints / "2") in str(caught.value)


@pytest.fixture
def small_files():
  """Writing past 4 KiB of a file fails, as on a full disk."""
  limit = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
  yield
  resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def test_full_disk_is_told_before_anything_is_written(copy, monkeypatch):
  usage = shutil.disk_usage(copy)
  need = 4 * (64 * 48 + 3 + 1) + 2 * 5 + 2**20  # bytes; index files last
  monkeypatch.setattr(
    shutil, "disk_usage", lambda path: usage._replace(free=need - 1)
  )
  before = all_files(copy)
  with (
    store.CheckpointStore(copy) as checkpoints,
    pytest.raises(errors.UserError, match="step 3 not saved: no space"),
  ):
    checkpoints.save(3, make_state(3))
  assert all_files(copy) == before
  monkeypatch.setattr(
    shutil, "disk_usage", lambda path: usage._replace(free=need)
  )
  with store.CheckpointStore(copy) as checkpoints:
    checkpoints.save(3, make_state(3))
    checkpoints.wait()
    assert checkpoints.steps() == [2, 3]


def test_disk_that_fills_while_saving_is_told_too(copy, small_files):
  with store.CheckpointStore(copy) as checkpoints:
    checkpoints.save(3, make_state(3), Data("later"))
    with pytest.raises(errors.UserError) as caught:
      checkpoints.wait()
  line = str(caught.value)
  assert "step 3 not saved: no space left" in line
  assert "earlier checkpoints are untouched" in line
  with store.CheckpointStore(copy) as checkpoints:
    step, found = checkpoints.restore(ABSTRACT, Data())
  assert step == 2
  assert_same(found, make_state(2))
