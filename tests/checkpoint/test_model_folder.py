"""A finished model is one folder, whole or not there."""

import errno
import json
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.checkpoint import disk, store

PARAMS = {"layers": {"w": np.arange(6, dtype=np.float32).reshape(2, 3)}}


def params(scale=1):
  return jax.tree.map(lambda x: jnp.asarray(scale * x), PARAMS)


def test_model_comes_back(tmp_path):
  tokenizer = tmp_path / "anything.json"
  tokenizer.write_text('{"vocab": 1}')
  half = {"w": jnp.ones((2, 2), jnp.bfloat16)}
  store.save_model(
    tmp_path / "m", params() | half, {"dim": 3}, tokenizer, {"steps": 7}
  )
  found, config = store.load_model(tmp_path / "m")
  assert config == {"schema": 1, "model": {"dim": 3}, "extra": {"steps": 7}}
  np.testing.assert_array_equal(found["layers"]["w"], PARAMS["layers"]["w"])
  assert isinstance(found["w"], np.ndarray)
  assert found["w"].dtype == jnp.bfloat16
  assert (tmp_path / "m" / "tokenizer.json").read_text() == '{"vocab": 1}'
  assert sorted(os.listdir(tmp_path)) == ["anything.json", "m"]


def test_model_is_loaded_into_shardings(tmp_path):
  store.save_model(tmp_path / "m", params(), {})
  sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
  abstract = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), PARAMS
  )
  found, _ = store.load_model(tmp_path / "m", abstract)
  assert found["layers"]["w"].sharding == sharding
  abstract["layers"]["w"] = jax.ShapeDtypeStruct((9,), jnp.float32)
  with pytest.raises(errors.UserError, match=r"layers/w is float32 \(2, 3\)"):
    store.load_model(tmp_path / "m", abstract)


def test_later_model_takes_the_place_of_an_earlier(tmp_path):
  store.save_model(tmp_path / "m", params(), {"n": 1})
  store.save_model(tmp_path / "m", params(2), {"n": 2})
  found, config = store.load_model(tmp_path / "m")
  assert config["model"] == {"n": 2}
  assert found["layers"]["w"][1, 2] == 10
  assert os.listdir(tmp_path) == ["m"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_leaves_the_earlier_model(tmp_path, monkeypatch, code):
  store.save_model(tmp_path / "m", params(), {"n": 1})

  def fail(*unused, **ignored):
    raise ValueError("writing failed") from OSError(code, os.strerror(code))

  monkeypatch.setattr(store.ocp.StandardCheckpointer, "save", fail)
  with pytest.raises(errors.UserError, match="m: model not saved: no space"):
    store.save_model(tmp_path / "m", params(2), {"n": 2})
  found, config = store.load_model(tmp_path / "m")
  assert config["model"] == {"n": 1}
  assert found["layers"]["w"][1, 2] == 5
  assert os.listdir(tmp_path) == ["m"]


def test_only_a_lack_of_space_is_told_as_one():
  assert disk.is_full(RuntimeError("RESOURCE: No space left on device [28]"))
  assert not disk.is_full(OSError(errno.EACCES, "denied"))
  with pytest.raises(ValueError, match="a bug"), disk.told_when_full("x"):
    raise ValueError("a bug")


def test_folder_lost_between_two_renames_is_found_again(tmp_path):
  store.save_model(tmp_path / "m", params(), {"n": 1})
  (tmp_path / "m").rename(tmp_path / "m.old")  # killed just here
  with (
    pytest.raises(KeyboardInterrupt),
    disk.new_folder(tmp_path / "m"),
  ):
    raise KeyboardInterrupt
  assert store.load_model(tmp_path / "m")[1]["model"] == {"n": 1}


@pytest.mark.parametrize(
  ("damage", "told"),
  [
    (lambda m: (m / "model.json").unlink(), "no model here"),
    (lambda m: (m / "model.json").write_text("{"), "no model here"),
    (lambda m: (m / "model.json").write_text("[]"), "schema must be 1"),
    (
      lambda m: (m / "model.json").write_text(json.dumps({"schema": 2})),
      "schema must be 1",
    ),
    (lambda m: (m / "params" / "_METADATA").unlink(), "params: cannot be read"),
  ],
)
def test_what_is_no_model_is_told(tmp_path, damage, told):
  store.save_model(tmp_path / "m", params(), {})
  damage(tmp_path / "m")
  with pytest.raises(errors.UserError, match=told):
    store.load_model(tmp_path / "m")
