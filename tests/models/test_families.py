"""Llama, Mistral, Qwen and mixtures, against NumPy and the torch models."""

import numpy as np
import pytest

from prm_jax.models import lm
from tests.models import reference, tiny

FAMILIES = {
  "llama": {"tie_embeddings": False, "norm_eps": 1e-5},
  "qwen2": {"use_qkv_bias": True, "rope_theta": 1e6},
  "qwen3": {"use_qk_norm": True, "tie_embeddings": False},
  "mistral": {"tie_embeddings": False, "sliding_window": 4},
  "llama3.1": {
    "rope_scaling": "llama3", "rope_factor": 8.0, "rope_context": 16,
    "rope_theta": 100.0, "head_dim": 8,
  },
  "linear": {"rope_scaling": "linear", "rope_factor": 2.5},
  "yarn": {
    "rope_scaling": "yarn", "rope_factor": 4.0, "rope_context": 64,
    "rope_low": 1.0, "rope_high": 32.0, "rope_theta": 100.0, "head_dim": 8,
  },
  "all": {"use_qk_norm": True, "use_qkv_bias": True, "num_kv_heads": 1},
}  # fmt: skip
TOKENS = [3, 1, 4, 1, 5, 9, 2, 6, 5]


def ours(family, table):
  config = tiny.config(**FAMILIES[family])
  model = lm.Model(config)
  given = reference.to_params(table, config.transformer)
  forward = tiny.jit(lambda p, *x: lm.forward(model, p, *x))
  out = forward(given, *tiny.whole([TOKENS]))
  return np.asarray(out.logits)[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_model_is_the_formula(family):
  config = tiny.config(**FAMILIES[family]).transformer
  table = reference.weights(config)
  want = reference.logits(table, config, TOKENS)
  np.testing.assert_allclose(ours(family, table), want, atol=2e-5)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
def test_model_is_that_of_transformers(family):
  torch = pytest.importorskip("torch")
  transformers = pytest.importorskip("transformers")
  config = tiny.config(**FAMILIES[family]).transformer
  table = reference.weights(config)
  name = family.capitalize()
  theirs = getattr(transformers, f"{name}ForCausalLM")(
    getattr(transformers, f"{name}Config")(
      vocab_size=config.vocab_size,
      hidden_size=config.embed_dim,
      intermediate_size=config.mlp_dim,
      num_hidden_layers=config.num_layers,
      num_attention_heads=config.num_heads,
      num_key_value_heads=config.num_kv_heads,
      head_dim=config.head_dim,
      rms_norm_eps=config.norm_eps,
      rope_theta=config.rope_theta,
      # The same under the name that newer versions read.
      rope_parameters={
        "rope_type": "default", "rope_theta": config.rope_theta,
      },
      max_position_embeddings=64,
      tie_word_embeddings=config.tie_embeddings,
      attn_implementation="eager",
      pad_token_id=None,
      bos_token_id=None,
      eos_token_id=None,
    )
  ).eval()  # fmt: skip
  state = {name: torch.tensor(value) for name, value in table.items()}
  lacking, unknown = theirs.load_state_dict(state, strict=False)
  tied = {"lm_head.weight"} if config.tie_embeddings else set()
  assert set(lacking) <= tied
  assert not unknown
  with torch.no_grad():
    want = theirs(input_ids=torch.tensor([TOKENS])).logits[0].numpy()
  np.testing.assert_allclose(ours(family, table), want, atol=1e-4)
