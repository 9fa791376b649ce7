"""Public checkpoints become parameters, tensor by tensor, and files again."""

import json
import os
import subprocess
import sys
import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import numpy as st

from prm_jax import errors
from prm_jax.checkpoint import hf
from tests.checkpoint import public
from tests.models import reference, tiny

FAMILIES = {
  "llama": {"tie_embeddings": False, "norm_eps": 1e-5},
  "mistral": {"tie_embeddings": False, "sliding_window": 4},
  "qwen2": {"use_qkv_bias": True, "rope_theta": 1e6},
  "qwen3": {"use_qk_norm": True, "tie_embeddings": False},
}


def trunk(family, **changes):
  return tiny.config(**FAMILIES[family], **changes).transformer


def write(directory, family, **options):
  """A tiny checkpoint of the family; its tensors."""
  config = trunk(family)
  window = {"sliding_window": config.sliding_window or None}
  options = (window if family == "mistral" else {}) | options
  return public.write(directory, config, family, **options)


def assert_same(found, want):
  assert jax.tree.structure(found) == jax.tree.structure(want)
  jax.tree.map(np.testing.assert_array_equal, found, want)


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_tensor_finds_its_parameter(family, shards, tmp_path):
  table = write(tmp_path, family, shards=shards)
  found = hf.load(tmp_path)
  assert found.config.transformer == trunk(family)
  assert found.fields["bos_token_id"] == 1
  want = reference.to_params(table, found.config.transformer)
  assert_same(found.params, want)


@pytest.mark.parametrize("max_shard_bytes", [10**9, 3_000])
@pytest.mark.parametrize("family", FAMILIES)
def test_export_is_what_was_loaded(family, max_shard_bytes, tmp_path):
  table = write(tmp_path / "in", family)
  (tmp_path / "tokenizer.json").write_text("{}")
  found = hf.load(tmp_path / "in")
  out = tmp_path / "out"
  hf.save(
    out,
    found.params,
    found.config,
    fields=found.fields,
    files=[tmp_path / "tokenizer.json"],
    max_shard_bytes=max_shard_bytes,
  )
  written = {}
  files = sorted(out.glob("*.safetensors"))
  assert (len(files) > 1) == (max_shard_bytes == 3_000)
  for file in files:
    own = st.load_file(file)
    sizes = [value.nbytes for value in own.values()]
    assert len(sizes) == 1 or sum(sizes) <= max_shard_bytes
    written |= own
  assert written.keys() == table.keys()
  for name, value in table.items():
    np.testing.assert_array_equal(written[name], value)
  index = out / "model.safetensors.index.json"
  if len(files) > 1:
    found_index = json.loads(index.read_text())
    assert found_index["weight_map"].keys() == table.keys()
    total = sum(value.nbytes for value in table.values())
    assert found_index["metadata"]["total_size"] == total
  else:
    assert not index.exists()
  fields = json.loads((out / "config.json").read_text())
  before = json.loads((tmp_path / "in/config.json").read_text())
  assert {k: fields[k] for k in before} == before
  assert (out / "tokenizer.json").read_text() == "{}"
  again = hf.load(out)
  assert again.config == found.config
  assert_same(again.params, found.params)


@pytest.mark.parametrize("stored", public.TYPES)
def test_types_of_file_activations_and_parameters(stored, tmp_path):
  table = write(tmp_path, "qwen3", dtype=stored)
  as_stored = hf.load(tmp_path)
  assert as_stored.config.transformer.dtype == stored
  want = reference.to_params(table, trunk("qwen3"))
  assert_same(as_stored.params, want)
  assert {x.dtype for x in jax.tree.leaves(as_stored.params)} == {
    jnp.dtype(stored)
  }
  trained = hf.load(tmp_path, dtype="bfloat16", param_dtype="float32")
  assert trained.config.transformer.dtype == "bfloat16"
  assert {x.dtype for x in jax.tree.leaves(trained.params)} == {
    jnp.dtype("float32")
  }
  assert_same(trained.params, jax.tree.map(np.float32, want))
  hf.save(tmp_path / "out", trained.params, trained.config, dtype=stored)
  assert_same(hf.load(tmp_path / "out").params, as_stored.params)


def test_tensors_that_need_not_be_there_are_passed_over(tmp_path):
  table = write(tmp_path, "qwen2")
  table["lm_head.weight"] = table["model.embed_tokens.weight"] + 1
  table["model.layers.0.self_attn.rotary_emb.inv_freq"] = np.ones(3)
  st.save_file(table, tmp_path / "model.safetensors")
  found = hf.load(tmp_path)
  assert "lm_head" not in found.params["params"]


def test_step_head_is_a_token_classifier(tmp_path):
  model, params = tiny.make(
    value_head="step", num_classes=3, use_lm_head=False, use_qkv_bias=True
  )
  hf.save(tmp_path, params, model.config)
  fields = json.loads((tmp_path / "config.json").read_text())
  assert fields["architectures"] == ["Qwen2ForTokenClassification"]
  assert len(fields["id2label"]) == 3
  head = params["params"]["value_head"]["Dense_0"]
  table = st.load_file(tmp_path / "model.safetensors")
  np.testing.assert_array_equal(table["score.weight"], head["kernel"].T)
  np.testing.assert_array_equal(table["score.bias"], head["bias"])
  found = hf.load(tmp_path)
  assert found.config == model.config
  assert_same(found.params, params)


def test_host_holds_few_tensors_at_a_time(tmp_path):
  """Python's own memory; that of devices and mapped files is apart."""
  config = tiny.config(
    vocab_size=64, num_layers=24, embed_dim=64, mlp_dim=512, use_qkv_bias=True
  ).transformer
  table = public.write(tmp_path / "in", config, "qwen2", shards=4)
  sizes = [value.nbytes for value in table.values()]
  assert sum(sizes) > 50 * max(sizes)
  found = hf.load(tmp_path / "in")  # compiles

  def peak(fn):
    tracemalloc.start()
    try:
      fn()
      return tracemalloc.get_traced_memory()[1]
    finally:
      tracemalloc.stop()

  margin = 600_000  # names, headers, JAX's tracing
  few = 4 * max(sizes) + margin
  assert few < sum(sizes) / 4
  assert peak(lambda: hf.load(tmp_path / "in")) < few
  del table
  out = tmp_path / "out"
  assert peak(lambda: hf.save(out, found.params, found.config)) < few


EIGHT = """
import functools, json, pathlib, sys
import jax, numpy as np
from prm_jax.checkpoint import hf
from prm_jax.train import partition
one = hf.load(sys.argv[1])
mesh = partition.make_mesh(partition.MeshConfig(1, 4, 2))
split = hf.load(
  sys.argv[1], shardings_fn=functools.partial(partition.shardings_of, mesh=mesh)
)
same = jax.tree.all(jax.tree.map(
  lambda a, b: bool((np.asarray(a) == np.asarray(b)).all()),
  one.params, split.params))
query = split.params["params"]["trunk"]["layers"]["attention"]["query"]
parts = sorted({s.data.shape for s in query["kernel"].addressable_shards})
hf.save(sys.argv[2], split.params, split.config, fields=split.fields)
read = lambda at: (pathlib.Path(at) / "model.safetensors").read_bytes()
hf.save(sys.argv[2] + "1", one.params, one.config, fields=one.fields)
print(json.dumps(dict(same=same, parts=parts,
                      files=read(sys.argv[2]) == read(sys.argv[2] + "1"))))
"""


def test_eight_devices_hold_an_eighth_each(
  tmp_path, project_root, eight_devices
):
  write(tmp_path / "in", "qwen2")
  done = subprocess.run(
    [sys.executable, "-c", EIGHT, str(tmp_path / "in"), str(tmp_path / "out")],
    cwd=project_root,
    env=eight_devices,
    capture_output=True,
    text=True,
    check=False,
    timeout=300,
  )
  assert done.returncode == 0, done.stderr[-3000:]
  found = json.loads(done.stdout)
  # [layers 2, embed 16, heads 4, 6]: embed over 4 devices, heads over 2.
  assert found == {"same": True, "parts": [[2, 4, 2, 6]], "files": True}


def test_no_family_has_such_a_model(tmp_path):
  for changes, field in (
    ({"use_qkv_bias": True, "use_qk_norm": True}, "model.use_qk_norm"),
    ({"value_head": "token"}, "model.value_head"),
    ({"value_head": "step"}, "model.value_head"),
  ):
    model, params = tiny.make(**changes)
    with pytest.raises(errors.UserError, match=field):
      hf.save(tmp_path / "m", params, model.config)
  assert not os.listdir(tmp_path)
