"""The frozen description of a transformer and its heads."""

import dataclasses

import jax.numpy as jnp

from prm_jax import errors

VALUE_HEADS = ("none", "scalar", "token", "step", "mlp")
ROPE_SCALINGS = ("none", "linear", "llama3", "yarn")
VALUE_LINKS = (
  "sigmoid",
  "identity",
  "raw",
  "tanh",
  "expectation",
  "embedding",
)
_OF_CLASSES = ("expectation", "embedding")


@dataclasses.dataclass(frozen=True)
class TransformerConfig:
  """One decoder for the Llama, Mistral and Qwen families.

  `num_heads` must be a multiple of `num_kv_heads` (grouped queries) and
  `head_dim` even (rotary embedding). Parameters are kept in float32 where
  they are trained; `dtype` is the one that activations and matrix products
  use. A token sees the last `sliding_window` tokens, itself included; 0: all.

  `rope_scaling` stretches a context of `rope_context` tokens `rope_factor`
  times: "none", "linear" (all frequencies), "llama3" or "yarn" (those that
  turn fewer than `rope_low` times in the context wholly, more than `rope_high`
  times not at all).
  """

  vocab_size: int
  num_layers: int = 3
  embed_dim: int = 96
  num_heads: int = 4
  num_kv_heads: int = 2
  head_dim: int = 24
  mlp_dim: int = 256
  rope_theta: float = 10_000.0
  rope_scaling: str = "none"
  rope_factor: float = 1.0
  rope_low: float = 1.0
  rope_high: float = 4.0
  rope_context: int = 8192
  sliding_window: int = 0
  norm_eps: float = 1e-6
  use_qkv_bias: bool = False
  use_qk_norm: bool = False
  tie_embeddings: bool = True
  use_remat: bool = False
  dtype: str = "float32"

  def __post_init__(self):
    for field in ("vocab_size", "num_layers", "embed_dim", "head_dim",
                  "num_heads", "num_kv_heads", "mlp_dim"):  # fmt: skip
      if getattr(self, field) < 1:
        raise errors.UserError(f"model.{field} must be at least 1")
    if self.num_heads % self.num_kv_heads:
      raise errors.UserError(
        f"model.num_heads ({self.num_heads}) is not a multiple of "
        f"model.num_kv_heads ({self.num_kv_heads})"
      )
    if self.head_dim % 2:
      raise errors.UserError("model.head_dim must be even")
    if self.sliding_window < 0:
      raise errors.UserError("model.sliding_window must be at least 0")
    self._check_rope()
    if self.dtype not in ("float32", "bfloat16", "float16"):
      raise errors.UserError(f"model.dtype {self.dtype!r} is not known")

  def _check_rope(self) -> None:
    if self.rope_scaling not in ROPE_SCALINGS:
      raise errors.UserError(
        f"model.rope_scaling {self.rope_scaling!r} is not one of "
        f"{ROPE_SCALINGS}"
      )
    if self.rope_theta <= 1:
      raise errors.UserError("model.rope_theta must be above 1")
    if self.rope_factor < 1:
      raise errors.UserError("model.rope_factor must be at least 1")
    if not 0 < self.rope_low < self.rope_high:
      raise errors.UserError(
        f"model.rope_low ({self.rope_low}) must be above 0 and below "
        f"model.rope_high ({self.rope_high})"
      )
    if self.rope_context < 1:
      raise errors.UserError("model.rope_context must be at least 1")

  @property
  def jax_dtype(self) -> jnp.dtype:
    return jnp.dtype(self.dtype)

  @property
  def num_matmul_params(self) -> int:
    """Parameters that take part in matrix products, LM head included."""
    heads = self.num_heads + 2 * self.num_kv_heads
    attention = self.embed_dim * self.head_dim * (heads + self.num_heads)
    layer = attention + 3 * self.embed_dim * self.mlp_dim
    return self.num_layers * layer + self.vocab_size * self.embed_dim

  def forward_flops(self, context: int) -> int:
    """FLOPs to push one token through, `context` tokens being visible."""
    attention = 4 * self.num_layers * self.num_heads * self.head_dim * context
    return 2 * self.num_matmul_params + attention


@dataclasses.dataclass(frozen=True)
class ModelConfig:
  """A trunk and the heads on it.

  `use_lm_head` makes it a policy; `value_head` makes it a verifier; both
  together make it a policy and a verifier on one trunk.
  `value_head` is "none", "scalar" (linear), "token" (the gain, direction and
  bias of OVM, arXiv:2311.09724), "step" (linear with `num_classes` outputs
  from «wrong» to «right»; all but the first `num_wrong` count as right) or
  "mlp" (a step head with a hidden layer of the trunk's width; a scalar one
  where `num_classes` is 1). `value_link` turns the output of a scalar or token
  head into a score: the same in training and in use. It is a probability but
  for "raw" and "tanh", which public models have. Of a step head's outputs,
  "expectation" makes bins of [0, 1], whose mean is the score, and "embedding"
  numbers that only pairs are compared by.
  """

  transformer: TransformerConfig
  use_lm_head: bool = True
  value_head: str = "none"
  num_classes: int = 2
  num_wrong: int = 1
  value_link: str = "sigmoid"

  def __post_init__(self):
    if self.value_link not in VALUE_LINKS:
      raise errors.UserError(
        f"model.value_link {self.value_link!r} is not one of {VALUE_LINKS}"
      )
    is_scalar = self.value_head == "mlp" and self.num_classes == 1
    if self.num_classes < 2 and not is_scalar:
      raise errors.UserError("model.num_classes must be at least 2")
    if not is_scalar and not 0 < self.num_wrong < self.num_classes:
      raise errors.UserError(
        f"model.num_wrong ({self.num_wrong}) must be at least 1 and below "
        f"model.num_classes ({self.num_classes})"
      )
    if self.value_head not in VALUE_HEADS:
      raise errors.UserError(
        f"model.value_head {self.value_head!r} is not one of {VALUE_HEADS}"
      )
    if self.value_link in _OF_CLASSES and not self.has_classes:
      raise errors.UserError(
        f"model.value_link {self.value_link!r} needs model.value_head 'step' "
        "or 'mlp' with several classes"
      )
    if not self.use_lm_head and self.value_head == "none":
      raise errors.UserError("model has no head: set use_lm_head or value_head")

  @property
  def has_classes(self) -> bool:
    """Whether the value head gives several outputs per position."""
    return self.value_head in ("step", "mlp") and self.num_classes > 1

  def to_dict(self) -> dict:
    return dataclasses.asdict(self)
