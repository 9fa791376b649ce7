"""What `transformers` writes we read, and it reads what we write."""

import functools

import numpy as np
import pytest

from prm_jax.checkpoint import hf
from prm_jax.models import lm
from tests.models import tiny

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TOKENS = np.random.default_rng(0).integers(0, 37, (2, 24))
LLAMA3 = {
  "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
  "high_freq_factor": 4.0, "original_max_position_embeddings": 16,
}  # fmt: skip
YARN = {
  "rope_type": "yarn",
  "factor": 4.0,
  "original_max_position_embeddings": 64,
}
MODELS = {
  "llama 2": ("Llama", {"tie_word_embeddings": False}),
  "llama 3.1": ("Llama", {
    "tie_word_embeddings": False, "rope_theta": 100.0,
    "rope_scaling": LLAMA3,
  }),
  "llama 3.2": ("Llama", {"tie_word_embeddings": True, "head_dim": 8}),
  "llama linear": ("Llama", {
    "rope_scaling": {"rope_type": "linear", "factor": 2.5},
  }),
  "mistral": ("Mistral", {"sliding_window": 5, "head_dim": 6}),
  "mistral 0.3": ("Mistral", {"sliding_window": None}),
  "qwen2": ("Qwen2", {"tie_word_embeddings": True, "rope_theta": 1e6}),
  "qwen2 window": ("Qwen2", {
    "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 0,
  }),
  "qwen2 yarn": ("Qwen2", {
    "rope_theta": 100.0, "rope_scaling": YARN, "max_position_embeddings": 256,
  }),
  "qwen3": ("Qwen3", {"tie_word_embeddings": False, "head_dim": 12}),
}  # fmt: skip


def make(name, head="ForCausalLM", **changes):
  """A random model of torch, norms and biases included."""
  prefix, own = MODELS[name]
  sizes = {
    "vocab_size": 37, "hidden_size": 16, "intermediate_size": 24,
    "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "pad_token_id": None, "bos_token_id": None,
    "eos_token_id": None, "attn_implementation": "eager",
  }  # fmt: skip
  config = getattr(transformers, f"{prefix}Config")(**sizes | own | changes)
  model = getattr(transformers, prefix + head)(config).eval()
  draw = torch.Generator().manual_seed(0)
  with torch.no_grad():
    for value in model.parameters():
      noise = torch.randn(value.shape, generator=draw)
      value.copy_(0.3 * noise + (0 if value.ndim > 1 else value))
  return model


def theirs(model):
  with torch.no_grad():
    out = model(input_ids=torch.tensor(TOKENS)).logits
  return out.to(torch.float32).numpy()


def ours(checkpoint):
  model = lm.Model(checkpoint.config)
  forward = tiny.jit(functools.partial(lm.forward, model))
  out = forward(checkpoint.params, *tiny.whole(TOKENS))
  return np.asarray(out.logits if out.values is None else out.values)


@pytest.mark.parametrize("name", MODELS)
def test_logits_both_ways(name, tmp_path):
  model = make(name)
  model.save_pretrained(tmp_path / "in", max_shard_size="8KB")
  assert len(list((tmp_path / "in").glob("*.safetensors"))) > 1
  checkpoint = hf.load(tmp_path / "in")
  want = theirs(model)
  assert np.abs(want).max() > 1
  np.testing.assert_allclose(ours(checkpoint), want, atol=1e-4)
  for options in ({"fields": checkpoint.fields}, {}):
    out = tmp_path / f"out{len(options)}"
    hf.save(out, checkpoint.params, checkpoint.config, **options)
    again = transformers.AutoModelForCausalLM.from_pretrained(
      out, attn_implementation="eager"
    )
    assert options == {} or type(again) is type(model)
    np.testing.assert_allclose(theirs(again), want, atol=1e-5)


@pytest.mark.parametrize("prefix", ["llama 2", "mistral", "qwen2", "qwen3"])
def test_step_scores_of_token_classifiers_both_ways(prefix, tmp_path):
  model = make(prefix, "ForTokenClassification", num_labels=3)
  model.save_pretrained(tmp_path / "in")
  checkpoint = hf.load(tmp_path / "in")
  assert checkpoint.config.num_classes == 3
  want = theirs(model)
  np.testing.assert_allclose(ours(checkpoint), want, atol=1e-4)
  hf.save(tmp_path / "out", checkpoint.params, checkpoint.config)
  again = transformers.AutoModelForTokenClassification.from_pretrained(
    tmp_path / "out", attn_implementation="eager"
  )
  np.testing.assert_allclose(theirs(again), want, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_files(dtype, tmp_path):
  model = make("qwen2").to(getattr(torch, dtype))
  model.save_pretrained(tmp_path / "in")
  checkpoint = hf.load(tmp_path / "in", dtype="float32")
  want = theirs(model.to(torch.float32))  # the same rounded weights
  np.testing.assert_allclose(ours(checkpoint), want, atol=1e-4)
  half = hf.load(tmp_path / "in")
  hf.save(tmp_path / "out", half.params, half.config)
  again = transformers.AutoModelForCausalLM.from_pretrained(
    tmp_path / "out", attn_implementation="eager"
  )
  assert again.dtype == getattr(torch, dtype)
  for (key, value), other in zip(
    again.state_dict().items(), model.state_dict().values(), strict=True
  ):
    assert torch.equal(value.to(torch.float32), other), key
