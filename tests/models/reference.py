"""Llama, Mistral and Qwen written anew in NumPy float64, a token at a time.

Weights are a dict under the names of the public checkpoints, [out, in] as
there, so that the same table feeds this, our model and `transformers`.
"""

import numpy as np

from prm_jax.models import config as config_lib


def weights(c: config_lib.TransformerConfig, seed=0) -> dict[str, np.ndarray]:
  """Random weights of every tensor that a checkpoint of this config has."""
  rng = np.random.default_rng(seed)

  def matrix(rows, columns):
    return rng.normal(0, columns**-0.5, (rows, columns)).astype(np.float32)

  def vector(size, mean):
    return (mean + rng.normal(0, 0.3, size)).astype(np.float32)

  d, h = c.embed_dim, c.head_dim
  found = {
    "model.embed_tokens.weight": matrix(c.vocab_size, d),
    "model.norm.weight": vector(d, 1),
  }
  if not c.tie_embeddings:
    found["lm_head.weight"] = matrix(c.vocab_size, d)
  for i in range(c.num_layers):
    at = f"model.layers.{i}"
    for name, heads in (
      ("q", c.num_heads), ("k", c.num_kv_heads), ("v", c.num_kv_heads),
    ):  # fmt: skip
      found[f"{at}.self_attn.{name}_proj.weight"] = matrix(heads * h, d)
      if c.use_qkv_bias:
        found[f"{at}.self_attn.{name}_proj.bias"] = vector(heads * h, 0)
    found[f"{at}.self_attn.o_proj.weight"] = matrix(d, c.num_heads * h)
    if c.use_qk_norm:
      found[f"{at}.self_attn.q_norm.weight"] = vector(h, 1)
      found[f"{at}.self_attn.k_norm.weight"] = vector(h, 1)
    found[f"{at}.mlp.gate_proj.weight"] = matrix(c.mlp_dim, d)
    found[f"{at}.mlp.up_proj.weight"] = matrix(c.mlp_dim, d)
    found[f"{at}.mlp.down_proj.weight"] = matrix(d, c.mlp_dim)
    found[f"{at}.input_layernorm.weight"] = vector(d, 1)
    found[f"{at}.post_attention_layernorm.weight"] = vector(d, 1)
  return found


def to_params(w: dict[str, np.ndarray], c: config_lib.TransformerConfig):
  """The same weights as parameters of `lm.Model` with an LM head."""
  d, h = c.embed_dim, c.head_dim

  def stack(name, *shape):
    layers = range(c.num_layers)
    return np.stack(
      [w[f"model.layers.{i}.{name}"].T.reshape(shape) for i in layers]
    )

  attention = {"out": {"kernel": stack("self_attn.o_proj.weight", -1, h, d)}}
  for ours, theirs in (("query", "q"), ("key", "k"), ("value", "v")):
    at = f"self_attn.{theirs}_proj"
    attention[ours] = {"kernel": stack(f"{at}.weight", d, -1, h)}
    if c.use_qkv_bias:
      attention[ours]["bias"] = stack(f"{at}.bias", -1, h)
  if c.use_qk_norm:
    for ours, theirs in (("query_norm", "q_norm"), ("key_norm", "k_norm")):
      attention[ours] = {"scale": stack(f"self_attn.{theirs}.weight", h)}
  mlp = {
    name: {"kernel": stack(f"mlp.{name}_proj.weight", *shape)}
    for name, shape in (("gate", (d, -1)), ("up", (d, -1)), ("down", (-1, d)))
  }
  trunk = {
    "embedder": {"table": w["model.embed_tokens.weight"]},
    "layers": {
      "attention": attention,
      "attention_norm": {"scale": stack("input_layernorm.weight", d)},
      "mlp": mlp,
      "mlp_norm": {"scale": stack("post_attention_layernorm.weight", d)},
    },
    "final_norm": {"scale": w["model.norm.weight"]},
  }
  heads = {}
  if not c.tie_embeddings:
    heads["lm_head"] = {"kernel": w["lm_head.weight"].T}
  return {"params": {"trunk": trunk, **heads}}


def logits(
  w: dict[str, np.ndarray], c: config_lib.TransformerConfig, tokens
) -> np.ndarray:
  """[t] token ids -> [t, v]."""
  w = {name: value.astype(np.float64) for name, value in w.items()}
  x = w["model.embed_tokens.weight"][np.asarray(tokens)]
  for i in range(c.num_layers):
    own = {
      name.removeprefix(f"model.layers.{i}."): value
      for name, value in w.items()
      if name.startswith(f"model.layers.{i}.")
    }
    normed = _norm(x, own["input_layernorm.weight"], c)
    x = x + _attention(normed, own, c)
    normed = _norm(x, own["post_attention_layernorm.weight"], c)
    gate = normed @ own["mlp.gate_proj.weight"].T
    up = normed @ own["mlp.up_proj.weight"].T
    x = x + (gate / (1 + np.exp(-gate)) * up) @ own["mlp.down_proj.weight"].T
  x = _norm(x, w["model.norm.weight"], c)
  return x @ w.get("lm_head.weight", w["model.embed_tokens.weight"]).T


def _norm(x, scale, c):
  return x / np.sqrt((x**2).mean(-1, keepdims=True) + c.norm_eps) * scale


def _attention(x, w, c):
  h = c.head_dim

  def project(name):
    out = x @ w[f"self_attn.{name}_proj.weight"].T
    if c.use_qkv_bias:
      out = out + w[f"self_attn.{name}_proj.bias"]
    out = out.reshape(len(x), -1, h)
    if c.use_qk_norm and name != "v":
      out = _norm(out, w[f"self_attn.{name}_norm.weight"], c)
    return out if name == "v" else _rotate(out, c)

  query, key, value = project("q"), project("k"), project("v")
  group = c.num_heads // c.num_kv_heads
  out = np.zeros((len(x), c.num_heads, h))
  for t in range(len(x)):
    for head in range(c.num_heads):
      first = max(t + 1 - c.sliding_window, 0) if c.sliding_window else 0
      seen = key[first : t + 1, head // group]
      score = seen @ query[t, head] / np.sqrt(h)
      share = np.exp(score - score.max())
      out[t, head] = share / share.sum() @ value[first : t + 1, head // group]
  return out.reshape(len(x), -1) @ w["self_attn.o_proj.weight"].T


def _rotate(x, c):
  """Turns the complex numbers x[i] + j x[i + h/2]."""
  half = c.head_dim // 2
  number = x[..., :half] + 1j * x[..., half:]
  angle = np.arange(len(x))[:, None] * np.array(
    [_frequency(i, c) for i in range(half)]
  )
  number = number * np.exp(1j * angle)[:, None]
  if c.rope_scaling == "yarn":
    number = number * (0.1 * np.log(c.rope_factor) + 1)
  return np.concatenate([number.real, number.imag], axis=-1)


def _frequency(i, c):
  """Radians per token of pair i, in wavelengths as the papers have it."""
  wave = 2 * np.pi * c.rope_theta ** (2 * i / c.head_dim)
  if c.rope_scaling == "none":
    return 2 * np.pi / wave
  if c.rope_scaling == "linear":
    return 2 * np.pi / wave / c.rope_factor
  long, short = c.rope_context / c.rope_low, c.rope_context / c.rope_high
  if c.rope_scaling == "llama3":
    if wave < short:
      return 2 * np.pi / wave
    if wave > long:
      return 2 * np.pi / wave / c.rope_factor
    share = (c.rope_context / wave - c.rope_low) / (c.rope_high - c.rope_low)
  else:  # YaRN, arXiv:2309.00071 eq. 17-19, ramp over the index
    at = lambda w: (
      c.head_dim / 2 * np.log(w / (2 * np.pi)) / np.log(c.rope_theta)
    )
    first, last = max(np.floor(at(short)), 0), np.ceil(at(long))
    last = min(last, c.head_dim - 1)
    share = 1 - min(max((i - first) / (last - first), 0), 1)
  return 2 * np.pi / wave * (share + (1 - share) / c.rope_factor)
