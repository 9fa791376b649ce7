"""The formats of public process reward models, one row each."""

from prm_jax import errors
from prm_jax.text import prm_formats
from prm_jax.text.prm_formats import Format, Head

_REASON = (
  "Please reason step by step, and put your final answer within \\boxed{}."
)

QWEN_PRM = Format(
  name="qwen-prm",
  head=Head(layers=("score.0", "score.2"), outputs=2),
  models=(
    "Qwen/Qwen2.5-Math-PRM-7B",
    "Qwen/Qwen2.5-Math-PRM-72B",
    "Qwen/Qwen2.5-Math-7B-PRM800K",
  ),
  architectures=("Qwen2ForProcessRewardModel",),
  system=_REASON,
  chat="answer",
  tag="<extra_0>",
  bos="none",
  max_tokens=4096,
  truncation="left",
  source="model card; arXiv 2501.07301",
  note="PRM800K's labels 1 and 0 were positive for the 7B-PRM800K model",
)

FORMATS = {fmt.name: fmt for fmt in (QWEN_PRM,)}


def named(name: str) -> Format:
  """The format of that name.

  Raises:
    UserError: there is none; tells those there are.
  """
  if name not in FORMATS:
    raise errors.UserError(
      f"format: {name!r} is not one of {', '.join(FORMATS)}"
    )
  return FORMATS[name]


def of_architecture(architecture: str) -> list[prm_formats.Format]:
  """Formats whose checkpoints have this class name in config.json."""
  return [f for f in FORMATS.values() if architecture in f.architectures]
