"""The formats of public process reward models, by name."""

from prm_jax import errors
from prm_jax.text import critiques, prm_formats, prm_signs, prm_value_heads

FORMATS = {
  fmt.name: fmt
  for fmt in (
    prm_value_heads.QWEN_PRM,
    prm_value_heads.QWEN_RM,
    prm_value_heads.UNIVERSAL_PRM,
    prm_signs.MATH_SHEPHERD,
    prm_signs.RLHFLOW,
    prm_signs.RLHFLOW_BLANK_LINE,
    prm_value_heads.SKYWORK,
    prm_value_heads.REASONEVAL_7B,
    prm_value_heads.REASONEVAL_34B,
    prm_signs.MATH_PSA,
    prm_signs.VERSA_PRM,
    prm_value_heads.TRL,
    prm_value_heads.TRL_BLANK_LINE,
    prm_value_heads.PQM,
    prm_signs.ER_PRM,
    prm_signs.EURUS_PRM,
    prm_signs.IMPLICIT_PRM,
    prm_value_heads.VGS,
    prm_value_heads.RSTAR_PPM,
    prm_value_heads.ALPHA_MATH,
    prm_value_heads.OVM,
    prm_value_heads.REST_MCTS,
  )
}

# Those that write their verdicts included.
NAMES = (*FORMATS, *critiques.STYLES)


def named(name: str) -> prm_formats.Format:
  """The format of that name.

  Raises:
    UserError: there is none; tells those there are.
  """
  if name not in FORMATS:
    raise errors.UserError(f"format: {name!r} is not one of {', '.join(NAMES)}")
  return FORMATS[name]


def of_architecture(architecture: str) -> list[prm_formats.Format]:
  """Formats whose checkpoints have this class name in config.json."""
  return [f for f in FORMATS.values() if architecture in f.architectures]
