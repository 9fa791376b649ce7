"""config.json of a public checkpoint <-> our model config."""

import pathlib
from collections.abc import Mapping
from typing import Any, TypeAlias

from prm_jax import errors
from prm_jax.checkpoint import families, json_fields
from prm_jax.models import config as config_lib

Fields: TypeAlias = json_fields.Fields

FILE_NAME = "config.json"
_LM, _STEPS = "ForCausalLM", "ForTokenClassification"

# What only some checkpoints set, and what our transformer then is not.
_UNSUPPORTED = {
  "attention_bias": False,  # the output projection would have one too
  "mlp_bias": False,
  "hidden_act": "silu",
  "partial_rotary_factor": 1.0,
  "quantization_config": None,
  "num_local_experts": None,
}
# In config.json: name of the rope's field, by scaling: (low, high) turns.
_TURNS = {
  "llama3": ("low_freq_factor", "high_freq_factor"),
  "yarn": ("beta_slow", "beta_fast"),
}
_TURNS_DEFAULT = {"llama3": (1.0, 4.0), "yarn": (1.0, 32.0)}


def read(directory: pathlib.Path) -> Fields:
  """The fields of `config.json`.

  Raises:
    UserError: no such file, or not a JSON object.
  """
  return json_fields.read(
    directory / FILE_NAME,
    "a checkpoint is a folder with config.json and *.safetensors",
  )


def family(fields: Fields) -> families.Family:
  """The family that `model_type` names."""
  name = fields.values.get("model_type")
  if not isinstance(name, str) or name not in families.FAMILIES:
    known = ", ".join(families.FAMILIES)
    raise fields.fail("model_type", f"{name!r} is not one of {known}")
  return families.FAMILIES[name]


def to_model(
  fields: Fields, dtype: str | None = None
) -> config_lib.ModelConfig:
  """The model that the file describes.

  Args:
    dtype: of activations; default: the file's.

  Raises:
    UserError: names the field that is missing, wrong, or beyond what the
      transformer does.
  """
  is_lm = _is_lm(fields, family(fields))
  trunk = to_trunk(fields, dtype, has_lm_head=is_lm)
  if is_lm:
    return config_lib.ModelConfig(trunk)
  labels = len(fields.group("id2label").values) or 2
  return config_lib.ModelConfig(
    trunk, use_lm_head=False, value_head="step", num_classes=labels
  )


def to_trunk(
  fields: Fields, dtype: str | None = None, *, has_lm_head: bool
) -> config_lib.TransformerConfig:
  """The trunk that the file describes, whatever stands on it.

  Raises:
    UserError: as of `to_model`.
  """
  kind = family(fields)
  for name, only in _UNSUPPORTED.items():
    value = fields.values.get(name, only)
    if value != only and value is not None:
      raise fields.fail(name, f"{value!r} is not supported, only {only!r}")
  num_heads = fields.integer("num_attention_heads")
  width = fields.integer("hidden_size")
  layers = fields.integer("num_hidden_layers")
  try:
    return config_lib.TransformerConfig(
      vocab_size=fields.integer("vocab_size"),
      num_layers=layers,
      embed_dim=width,
      num_heads=num_heads,
      num_kv_heads=fields.integer("num_key_value_heads", num_heads),
      head_dim=fields.integer("head_dim", width // max(num_heads, 1)),
      mlp_dim=fields.integer("intermediate_size"),
      norm_eps=fields.number("rms_norm_eps", kind.norm_eps),
      use_qkv_bias=kind.use_qkv_bias,
      use_qk_norm=kind.use_qk_norm,
      sliding_window=_window(fields, kind, layers),
      tie_embeddings=not has_lm_head
      or fields.flag("tie_word_embeddings", kind.tie_embeddings),
      dtype=dtype or _dtype(fields),
      **_rope(fields, kind),
    )
  except errors.UserError as error:
    if str(error).startswith(fields.where):
      raise
    raise errors.UserError(f"{fields.where}: {error}") from error


def _is_lm(fields: Fields, kind: families.Family) -> bool:
  known = {kind.prefix + _LM: True, kind.prefix + _STEPS: False}
  names = fields.values.get("architectures") or [kind.prefix + _LM]
  if len(names) != 1 or names[0] not in known:
    raise fields.fail("architectures", f"{names} is not {' or '.join(known)}")
  return known[names[0]]


def _dtype(fields: Fields) -> str:
  for name in ("dtype", "torch_dtype"):
    if fields.values.get(name) is not None:
      return str(fields.values[name])
  return "float32"


def _window(fields: Fields, kind: families.Family, num_layers: int) -> int:
  """`sliding_window`, if all layers have one; 0 if none has."""
  if kind.name == "llama":
    return 0
  if kind.window_switch and not fields.flag("use_sliding_window", False):
    return 0
  if "sliding_window" in fields.values:
    window = fields.integer("sliding_window", 0)
  else:
    window = kind.sliding_window
  first = 0
  if kind.window_switch:
    first = fields.integer("max_window_layers", 28)
  types = fields.values.get("layer_types") or [
    "sliding_attention" if i >= first else "full_attention"
    for i in range(num_layers)
  ]
  if not window or set(types) == {"full_attention"}:
    return 0
  if set(types) != {"sliding_attention"}:
    raise fields.fail(
      "layer_types" if fields.values.get("layer_types") else "sliding_window",
      "a window in some layers and none in others is not supported",
    )
  return window


def _rope(fields: Fields, kind: families.Family) -> dict[str, Any]:
  """Our fields of the rotary embedding, from either way of writing them."""
  new = fields.group("rope_parameters")
  group = new if new.values else fields.group("rope_scaling")
  theta = (new if "rope_theta" in new.values else fields).number(
    "rope_theta", kind.rope_theta
  )
  values = group.values
  name = values.get("rope_type") or values.get("type") or "default"
  if name == "default":
    return {"rope_theta": theta}
  if name not in config_lib.ROPE_SCALINGS:
    known = ", ".join(config_lib.ROPE_SCALINGS[1:])
    raise group.fail("rope_type", f"{name!r} is not one of default, {known}")
  found = {
    "rope_theta": theta,
    "rope_scaling": str(name),
    "rope_factor": group.number("factor"),
  }
  if name in _TURNS:
    for ours, theirs, default in zip(
      ("rope_low", "rope_high"), _TURNS[name], _TURNS_DEFAULT[name], strict=True
    ):
      found[ours] = group.number(theirs, default)
    context = values.get("original_max_position_embeddings")
    found["rope_context"] = (
      fields.integer("max_position_embeddings")
      if context is None
      else group.integer("original_max_position_embeddings")
    )
  for extra in ("attention_factor", "mscale", "mscale_all_dim"):
    if values.get(extra) is not None:
      raise group.fail(extra, "is not supported")
  if values.get("truncate", True) is not True:
    raise group.fail("truncate", "only true is supported")
  return found


def from_model(
  config: config_lib.ModelConfig,
  kind: families.Family,
  dtype: str,
  extra: Mapping[str, Any],
) -> dict[str, Any]:
  """What config.json says of the model.

  Args:
    dtype: of the tensors written.
    extra: further fields, such as those of the checkpoint that the model came
      from; the model's own take their place.
  """
  c = config.transformer
  superseded = ("rope_parameters", "dtype", "layer_types", "num_labels")
  found = {k: v for k, v in extra.items() if k not in superseded}
  found.setdefault("max_position_embeddings", _context(c))
  found |= {
    "architectures": [kind.prefix + (_LM if config.use_lm_head else _STEPS)],
    "model_type": kind.name,
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
    "rope_scaling": _rope_group(c),
    "tie_word_embeddings": c.tie_embeddings and config.use_lm_head,
    "torch_dtype": dtype,
  }
  if kind.name != "llama":
    found["sliding_window"] = c.sliding_window or None
  if kind.window_switch:
    found["use_sliding_window"] = bool(c.sliding_window)
    found["max_window_layers"] = 0 if c.sliding_window else c.num_layers
  if not config.use_lm_head:
    names = [str(i) for i in range(config.num_classes)]
    found.setdefault("id2label", {n: f"LABEL_{n}" for n in names})
    found.setdefault("label2id", {f"LABEL_{n}": int(n) for n in names})
  return found


def _context(c: config_lib.TransformerConfig) -> int:
  if c.rope_scaling in _TURNS:
    return int(c.rope_context * c.rope_factor)
  return 32_768


def _rope_group(c: config_lib.TransformerConfig) -> dict[str, Any] | None:
  if c.rope_scaling == "none":
    return None
  found: dict[str, Any] = {
    "rope_type": c.rope_scaling,
    "factor": c.rope_factor,
  }
  if c.rope_scaling in _TURNS:
    low, high = _TURNS[c.rope_scaling]
    found |= {
      low: c.rope_low,
      high: c.rope_high,
      "original_max_position_embeddings": c.rope_context,
    }
  return found
