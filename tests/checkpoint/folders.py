"""Whole public folders: tiny random weights and a tiny tokenizer."""

import json

import numpy as np
from safetensors import numpy as st

from prm_jax.models import config as config_lib
from prm_jax.text import hf_tokenizer
from tests.checkpoint import public
from tests.models import reference
from tests.text import tiny_hf

CONTEXT = 512


def qwen2(
  directory, *, seed=0, classes=0, sharpness=1.0, heads=None, **changes
):
  """A Qwen2 folder whose model and tokenizer fit; its trunk's config.

  Args:
    directory: the folder.
    seed: of the weights.
    classes: of a token classification head; 0: an LM head.
    heads: further tensors by name, in place of the LM head.
    sharpness: of the head; next tokens of a sharp one are nearly certain.
    **changes: fields of config.json.
  """
  if not (directory / "tokenizer.json").exists():
    tiny_hf.write_qwen(directory)
  tokenizer = hf_tokenizer.load(directory)
  config = config_lib.TransformerConfig(
    vocab_size=tokenizer.vocab_size + 3,  # real models have spare ids as well
    num_layers=2,
    embed_dim=16,
    num_heads=4,
    num_kv_heads=2,
    head_dim=6,
    mlp_dim=24,
    use_qkv_bias=True,
    tie_embeddings=False,
  )
  fields = {"max_position_embeddings": CONTEXT, "use_sliding_window": False}
  if classes:
    names = {str(i): f"LABEL_{i}" for i in range(classes)}
    own = {"architectures": ["Qwen2ForTokenClassification"], "id2label": names}
    fields |= own
  text = public.config_json(config, "qwen2", **fields | changes)
  (directory / "config.json").write_text(json.dumps(text))
  table = reference.weights(config, seed)
  if classes:
    rng = np.random.default_rng(seed)
    del table["lm_head.weight"]
    table["score.weight"] = rng.normal(0, 1, (classes, 16)).astype(np.float32)
    table["score.bias"] = rng.normal(0, 1, classes).astype(np.float32)
  elif heads:
    del table["lm_head.weight"]
    table |= heads
  else:
    table["lm_head.weight"] *= np.float32(sharpness)
  st.save_file(table, directory / "model.safetensors")
  ids = {"eos_token_id": [tokenizer.eos_id, tokenizer.pad_id]}
  (directory / "generation_config.json").write_text(json.dumps(ids))
  return config


def qwen_prm(directory, *, seed=1, **changes):
  """A verifier in the files of Qwen2.5-Math-PRM."""
  kind = ["Qwen2ForProcessRewardModel"]
  return _with_mlp(directory, seed, 2, architectures=kind, **changes)


def universal_prm(directory, *, seed=1, **changes):
  """A verifier in the files of Universal-PRM."""
  kind = ["Qwen2ForRewardModel"]
  return _with_mlp(directory, seed, 1, architectures=kind, **changes)


def _with_mlp(directory, seed, outputs, **changes):
  rng = np.random.default_rng(seed)
  heads = {
    f"score.{layer}.{name}": rng.normal(0, 0.3, shape).astype(np.float32)
    for layer, name, shape in (
      (0, "weight", (16, 16)),
      (0, "bias", 16),
      (2, "weight", (outputs, 16)),
      (2, "bias", outputs),
    )
  }
  return qwen2(directory, seed=seed, heads=heads, **changes)


def questions(path, *lines):
  """A file of questions."""
  path.write_text("".join(json.dumps(line) + "\n" for line in lines))
  return path
