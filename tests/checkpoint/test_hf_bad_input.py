"""What is wrong with a folder is said in one line, with file and field."""

import json

import numpy as np
import pytest
from safetensors import numpy as st

from prm_jax import errors
from prm_jax.checkpoint import config_json, hf
from tests.checkpoint import public
from tests.checkpoint.test_hf import write
from tests.models import tiny

INDEX = "model.safetensors.index.json"
SHARD = "model-00002-of-00003.safetensors"


def refused(directory, *words):
  """The one line of the refusal, which has all the words."""
  with pytest.raises(errors.UserError) as caught:
    hf.load(directory)
  line = str(caught.value)
  assert "\n" not in line
  for word in words:
    assert word in line
  return line


def change_config(directory, **changes):
  path = directory / "config.json"
  fields = json.loads(path.read_text()) | changes
  path.write_text(json.dumps({k: v for k, v in fields.items() if v != "del"}))


@pytest.mark.parametrize(
  ("field", "value", "reason"),
  [
    ("model_type", "gemma2", "not one of llama, mistral, qwen2, qwen3"),
    ("model_type", ["qwen2"], "not one of"),
    ("architectures", ["Qwen2ForRewardModel"], "Qwen2ForTokenClassification"),
    ("architectures", "Qwen2ForCausalLM", "is not"),
    ("hidden_size", "del", "missing"),
    ("hidden_size", "16", "not a whole number"),
    ("num_hidden_layers", True, "not a whole number"),
    ("num_key_value_heads", 3, "num_kv_heads"),
    ("num_attention_heads", 0, "num_heads"),
    ("head_dim", 5, "head_dim must be even"),
    ("rms_norm_eps", "small", "not a number"),
    ("hidden_act", "gelu", "only 'silu'"),
    ("attention_bias", True, "not supported"),
    ("quantization_config", {"bits": 4}, "not supported"),
    ("torch_dtype", "int8", "dtype"),
    ("tie_word_embeddings", "yes", "neither true nor false"),
    ("rope_scaling", "llama3", "not a group"),
    ("rope_scaling", {"rope_type": "dynamic", "factor": 2.0}, "rope_type"),
    ("rope_scaling", {"rope_type": "llama3"}, "factor: missing"),
    ("rope_scaling", {"rope_type": "yarn", "factor": 4.0, "mscale": 1.0},
     "mscale"),
    ("rope_scaling", {"rope_type": "linear", "factor": 0.5}, "rope_factor"),
    ("rope_scaling", {"type": "llama3", "factor": 8.0, "low_freq_factor": 4.0,
                      "high_freq_factor": 1.0}, "rope_low"),
  ],
)  # fmt: skip
def test_bad_field_of_the_config(field, value, reason, tmp_path):
  write(tmp_path, "qwen2")
  change_config(tmp_path, **{field: value})
  line = refused(tmp_path, "config.json", reason)
  assert field.removeprefix("torch_") in line or reason in line


def test_windows_in_some_layers_only(tmp_path):
  write(tmp_path, "qwen2")
  window = {"use_sliding_window": True, "sliding_window": 4}
  change_config(tmp_path, **window, max_window_layers=1)
  refused(tmp_path, "config.json", "sliding_window", "some layers")
  types = ["full_attention", "sliding_attention"]
  change_config(tmp_path, layer_types=types)
  refused(tmp_path, "config.json", "layer_types", "some layers")


@pytest.mark.parametrize(
  ("changes", "window"),
  [
    ({"sliding_window": 4}, 0),  # not switched on
    ({"use_sliding_window": True, "sliding_window": 4,
      "max_window_layers": 0}, 4),
    ({"use_sliding_window": True, "sliding_window": 4,
      "max_window_layers": 2}, 0),
    ({"use_sliding_window": True, "sliding_window": 4,
      "layer_types": ["sliding_attention"] * 2}, 4),
    ({"use_sliding_window": True, "sliding_window": None}, 0),
    ({"model_type": "mistral", "architectures": None}, 4096),
    ({"model_type": "mistral", "architectures": None,
      "sliding_window": None}, 0),
    ({"model_type": "llama", "architectures": None, "sliding_window": 4}, 0),
  ],
)  # fmt: skip
def test_window_of_all_layers_or_none(changes, window, tmp_path):
  write(tmp_path, "qwen2")
  change_config(tmp_path, **changes)
  config = config_json.to_model(config_json.read(tmp_path))
  assert config.transformer.sliding_window == window


def test_rope_is_read_the_old_and_the_new_way(tmp_path):
  llama3 = {
    "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32, "rope_type": "llama3",
  }  # fmt: skip
  found = []
  for changes in (
    {"rope_scaling": llama3, "rope_theta": 100.0},
    {"rope_parameters": llama3 | {"rope_theta": 100.0}, "rope_theta": "del"},
  ):
    write(tmp_path, "llama")
    change_config(tmp_path, **changes)
    found.append(config_json.to_model(config_json.read(tmp_path)).transformer)
  assert found[0] == found[1]
  rope = {k: v for k, v in vars(found[0]).items() if k.startswith("rope_")}
  assert rope == {
    "rope_theta": 100.0, "rope_scaling": "llama3", "rope_factor": 8.0,
    "rope_low": 1.0, "rope_high": 4.0, "rope_context": 32,
  }  # fmt: skip


def test_no_checkpoint_there(tmp_path):
  refused(tmp_path / "none", "none/config.json", "No such file")
  (tmp_path / "config.json").write_text("{")
  refused(tmp_path, "config.json", "not JSON")
  (tmp_path / "config.json").write_text("[]")
  refused(tmp_path, "config.json", "not a JSON object")


@pytest.mark.parametrize(
  ("name", "advice"),
  [
    ("pytorch_model.bin", "save_pretrained"),
    ("model.pth", "pickle can run code"),
    ("qwen-q4.gguf", "GGUF"),
    ("model-00001-of-00002.safetensors", f"{INDEX}: missing"),
    ("readme.md", "model.safetensors: no such file"),
  ],
)
def test_other_ways_to_keep_weights(name, advice, tmp_path):
  write(tmp_path, "llama")
  (tmp_path / "model.safetensors").unlink()
  (tmp_path / name).write_bytes(b"\x80\x04.")
  refused(tmp_path, advice)


def test_missing_and_broken_shards(tmp_path):
  write(tmp_path, "llama", shards=3)
  shard = tmp_path / SHARD
  whole = shard.read_bytes()
  shard.write_bytes(whole[:-7])
  refused(tmp_path, SHARD, "not a safetensors file")
  shard.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid")
  refused(tmp_path, SHARD, "git-lfs pointer")
  shard.unlink()
  refused(tmp_path, SHARD, "missing")
  table = st.load(whole)
  lost = sorted(table)[0]
  del table[lost]
  st.save_file(table, shard)
  refused(tmp_path, SHARD, lost)


@pytest.mark.parametrize(
  ("index", "reason"),
  [
    ("{", "cannot be read"),
    ('{"weight_map": 3}', "cannot be read"),
    ('{"weight_map": {"model.norm.weight": "../other.safetensors"}}', "../"),
    ('{"weight_map": {"model.norm.weight": 3}}', "is no file"),
  ],
)
def test_bad_index(index, reason, tmp_path):
  write(tmp_path, "llama", shards=3)
  (tmp_path / INDEX).write_text(index)
  refused(tmp_path, INDEX, "weight_map", reason)


def test_bad_tensors(tmp_path):
  table = write(tmp_path, "qwen2")
  file = tmp_path / "model.safetensors"
  name = "model.layers.1.self_attn.k_proj.weight"

  def put(value, key=name):
    st.save_file(table | {key: value}, file)

  put(table[name].T.copy())
  refused(tmp_path, str(file), name, "[16, 12]", "[12, 16]")
  put(table[name].astype(np.int8))
  refused(tmp_path, str(file), name, "I8", "F32, F16, BF16")
  put(table[name], "model.layers.2.mlp.gate_proj.weight")
  refused(tmp_path, str(file), "model.layers.2.mlp.gate_proj.weight")
  lacking = {k: v for k, v in table.items() if k != name}
  st.save_file(lacking, file)
  refused(tmp_path, f"no tensor {name}")


def test_an_older_export_stays_when_the_new_one_fails(tmp_path):
  model, params = tiny.make()
  hf.save(tmp_path / "m", params, model.config)
  before = (tmp_path / "m/model.safetensors").read_bytes()
  del params["params"]["trunk"]["final_norm"]
  with pytest.raises(KeyError):
    hf.save(tmp_path / "m", params, model.config)
  assert (tmp_path / "m/model.safetensors").read_bytes() == before
  assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_family_of_the_source_is_kept_where_it_fits():
  config = tiny.config(tie_embeddings=False)
  fields = public.config_json(config.transformer, "mistral")
  kind = config_json.family(config_json.Fields(fields, "x"))
  text = config_json.from_model(config, kind, "float32", fields)
  assert text["model_type"] == "mistral"
  assert text["sliding_window"] is None
