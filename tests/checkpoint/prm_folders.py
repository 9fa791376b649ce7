"""Tiny checkpoints in the files of public process reward models.

What is scored where is written anew here, from the models' cards, as one
function of the hidden states per format.
"""

import json

import numpy as np
from safetensors import numpy as st

from tests.checkpoint import public
from tests.models import reference, tiny
from tests.text import tiny_hf

BYTES, LLAMA3, MISTRAL = "qwen", "llama3", "mistral"
WRITERS = {
  BYTES: tiny_hf.write_qwen,
  LLAMA3: tiny_hf.write_llama3,
  MISTRAL: tiny_hf.write_mistral,
}
FAMILIES = {
  "qwen2": {"use_qkv_bias": True, "tie_embeddings": False},
  "llama": {"tie_embeddings": False},
  "mistral": {"tie_embeddings": False, "sliding_window": 0},
}
# format -> (family, tokenizer, class name, head, special tokens)
SHAPES = {
  "qwen-prm": ("qwen2", BYTES, "Qwen2ForProcessRewardModel", "mlp2"),
  "qwen-rm": ("qwen2", BYTES, "Qwen2ForRewardModel", "mlp1"),
  "universal-prm": ("qwen2", BYTES, "Qwen2ForRewardModel", "mlp1"),
  "math-shepherd": ("mistral", MISTRAL, "MistralForCausalLM", "lm"),
  "rlhflow": ("llama", LLAMA3, "LlamaForCausalLM", "lm"),
  "rlhflow-blank-line": ("llama", LLAMA3, "LlamaForCausalLM", "lm"),
  "skywork": ("qwen2", BYTES, "Qwen2ForPrmModel", "summary"),
  "reasoneval-7b": ("mistral", MISTRAL, "ReasonEval_7B", "three"),
  "reasoneval-34b": ("llama", MISTRAL, "ReasonEval_34B", "three"),
  "math-psa": ("qwen2", BYTES, "Qwen2ForCausalLM", "lm"),
  "versa-prm": ("llama", LLAMA3, "LlamaForCausalLM", "lm"),
  "trl": ("qwen2", BYTES, "Qwen2ForTokenClassification", "two"),
  "trl-blank-line": ("llama", LLAMA3, "LlamaForTokenClassification", "two"),
  "pqm": ("llama", MISTRAL, "LlamaForCausalLM", "summary"),
  "er-prm": ("llama", LLAMA3, "LlamaForCausalLM", "lm"),
  "vgs": ("qwen2", BYTES, "Qwen2ForClassifier", "mlp3"),
  "rstar-ppm": ("qwen2", BYTES, "Qwen2ForCausalLM", "summary"),
  "alpha-math": ("llama", LLAMA3, "LlamaForCausalLM", "summary"),
  "ovm": ("llama", MISTRAL, "LlamaForCausalLM", "gain"),
  "rest-mcts": ("mistral", MISTRAL, "MistralForCausalLM", "logits"),
}
# Implicit models have no head, and are two.
IMPLICIT = {"eurus-prm", "implicit-prm"}
# Formats that a class name alone tells.
TOLD = {
  "qwen-prm", "skywork", "reasoneval-7b", "reasoneval-34b", "vgs",
}  # fmt: skip


# What the tokenizer has beside its family's; "added" is one token more.
SPECIAL = {
  "skywork": {"bos_token": "<|endoftext|>"},
  "reasoneval-7b": {"pad_token": "<s>"},
  "reasoneval-34b": {"pad_token": "<unk>"},
  "pqm": {"added": "[PRM]"},
}


def write(directory, name, **changes):
  """Writes a checkpoint of the format; its tensors by name."""
  family, tokenizer, architecture, head = SHAPES[name]
  special = dict(SPECIAL.get(name, {}))
  added = special.pop("added", None)
  WRITERS[tokenizer](directory, **special)
  size = 440
  if added:
    add_token(directory, added)
  config = tiny.config(vocab_size=size, **FAMILIES[family]).transformer
  fields = public.config_json(
    config,
    family,
    architectures=[architecture],
    sliding_window=None,
    **{"max_position_embeddings": 512, **changes},
  )
  (directory / "config.json").write_text(json.dumps(fields))
  table = reference.weights(config)
  trunk_only = head not in ("lm", "logits")
  if trunk_only and name not in ("qwen-prm", "skywork"):
    del table["lm_head.weight"]  # these two have one, unused
  table |= head_tensors(head, config)
  inside = {k: v for k, v in table.items() if k not in _BESIDE.get(name, ())}
  st.save_file(inside, directory / "model.safetensors")
  for file, names in _FILES.get(name, {}).items():
    st.save_file({n: table[n] for n in names}, directory / file)
  return table, config


_OVM = ("gain", "bias", "vscore_head.weight")
_FILES = {"ovm": {"verifier.safetensors": _OVM}}
_BESIDE = {"ovm": _OVM}


def add_token(directory, text):
  """One more special token, told by tokenizer_config.json alone."""
  path = directory / "tokenizer_config.json"
  fields = json.loads(path.read_text())
  vocab = json.loads((directory / "tokenizer.json").read_text())
  size = len(vocab["model"]["vocab"])
  token = {"content": text, "special": True, "normalized": False}
  fields["added_tokens_decoder"] = {str(size): token}
  path.write_text(json.dumps(fields))


def head_tensors(head, c, seed=5):
  rng = np.random.default_rng(seed)
  d = c.embed_dim

  def matrix(*shape):
    return rng.normal(0, 2 * shape[-1] ** -0.5, shape).astype(np.float32)

  def linear(name, inputs, outputs):
    return {
      f"{name}.weight": matrix(outputs, inputs),
      f"{name}.bias": matrix(outputs),
    }

  if head in ("mlp2", "mlp1"):
    return linear("score.0", d, d) | linear("score.2", d, int(head[-1]))
  if head == "mlp3":  # without biases
    return {"score.0.weight": matrix(d, d), "score.2.weight": matrix(3, d)}
  return {
    "lm": dict,
    "summary": lambda: linear("v_head.summary", d, 1),
    "three": lambda: linear("score_head", d, 3),
    "two": lambda: linear("score", d, 2),
    "gain": lambda: {
      "gain": matrix(1), "bias": matrix(1), "vscore_head.weight": matrix(1, d),
    },
    "logits": lambda: linear("LN", c.vocab_size, 1),
  }[head]()  # fmt: skip


def softmax(x):
  share = np.exp(x - x.max(-1, keepdims=True))
  return share / share.sum(-1, keepdims=True)


def mlp(w, h):
  inner = h @ w["score.0.weight"].T + w.get("score.0.bias", 0)
  return np.maximum(inner, 0) @ w["score.2.weight"].T + w.get("score.2.bias", 0)


def pair(w, h, plus, minus):
  """P(plus) between two tokens of the LM head."""
  return softmax(h @ w["lm_head.weight"][[plus, minus]].T)[..., 0]


def linear(w, h, name):
  return h @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def score(name, w, h, ids):
  """Scores of hidden states [k, d]; `ids` gives the id of a text's token."""
  if name == "qwen-prm":
    return softmax(mlp(w, h))[:, 1]
  if name == "qwen-rm":
    return mlp(w, h)[:, 0]
  if name in ("math-shepherd", "rlhflow", "rlhflow-blank-line", "versa-prm"):
    return pair(w, h, ids("+"), ids("-"))
  if name in ("math-psa", "er-prm"):
    return pair(w, h, ids(" +"), ids(" -"))
  if name == "universal-prm":
    return 1 / (1 + np.exp(-mlp(w, h)[:, 0]))
  if name == "skywork":
    return 1 / (1 + np.exp(-linear(w, h, "v_head.summary")[:, 0]))
  if name.startswith("reasoneval"):
    shares = softmax(linear(w, h, "score_head"))
    return shares[:, 1] + shares[:, 2]
  if name.startswith("trl"):
    return softmax(linear(w, h, "score"))[:, 1]
  if name == "vgs":
    return softmax(mlp(w, h))[:, 1]
  if name == "ovm":
    return ((w["gain"] * h + w["bias"]) @ w["vscore_head.weight"].T)[:, 0]
  if name == "rest-mcts":
    return linear(w, h @ w["lm_head.weight"].T, "LN")[:, 0]
  value = linear(w, h, "v_head.summary")[:, 0]
  if name == "rstar-ppm":
    return np.tanh(value / 5)
  return np.tanh(value) if name == "alpha-math" else value
