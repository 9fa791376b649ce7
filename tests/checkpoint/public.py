"""Checkpoints in the public format, written without our own code."""

import json

import ml_dtypes
import numpy as np
from safetensors import numpy as st

from tests.models import reference

TYPES = {
  "float32": np.float32,
  "float16": np.float16,
  "bfloat16": ml_dtypes.bfloat16,
}


def config_json(c, family, **changes):
  """What the family's config.json says of a transformer config."""
  prefix = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2"}
  return {
    "architectures": [f"{prefix.get(family, 'Qwen3')}ForCausalLM"],
    "model_type": family,
    "vocab_size": c.vocab_size,
    "hidden_size": c.embed_dim,
    "intermediate_size": c.mlp_dim,
    "num_hidden_layers": c.num_layers,
    "num_attention_heads": c.num_heads,
    "num_key_value_heads": c.num_kv_heads,
    "head_dim": c.head_dim,
    "hidden_act": "silu",
    "rms_norm_eps": c.norm_eps,
    "rope_theta": c.rope_theta,
    "tie_word_embeddings": c.tie_embeddings,
    "torch_dtype": "float32",
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    **changes,
  }


def write(directory, c, family, *, shards=1, dtype="float32", **changes):
  """Writes the folder; returns the tensors in it."""
  directory.mkdir(exist_ok=True)
  table = {
    name: value.astype(TYPES[dtype])
    for name, value in reference.weights(c).items()
  }
  fields = config_json(c, family, torch_dtype=dtype, **changes)
  (directory / "config.json").write_text(json.dumps(fields))
  if shards == 1:
    st.save_file(table, directory / "model.safetensors")
    return table
  named = {}
  for i in range(shards):  # layers are scattered over the files
    own = dict(list(table.items())[i::shards])
    file = f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
    st.save_file(own, directory / file)
    named |= dict.fromkeys(own, file)
  index = {"metadata": {"total_size": 0}, "weight_map": named}
  (directory / "model.safetensors.index.json").write_text(json.dumps(index))
  return table
