"""TFDS builders of the public data sets, one class per format.

config = public_builder.PublicConfig(files={"train": "gsm8k/train.jsonl"})
builder = public_sets.Gsm8k(data_dir=folder, config=config)
train = public_builder.prepare(builder).splits["train"]
"""

from typing import ClassVar

from prm_jax import errors
from prm_jax.data.builders import public_builder
from prm_jax.data.formats import (
  gsm8k,
  math_aps,
  math_problems,
  math_shepherd,
  prm800k,
  prm_bench,
  process_bench,
  reward_bench,
  reward_math,
  trl,
)


class Gsm8k(public_builder.PublicBuilder):
  format_name: ClassVar = gsm8k.NAME


class Math(public_builder.PublicBuilder):
  format_name: ClassVar = math_problems.NAME


class Math500(public_builder.PublicBuilder):
  format_name: ClassVar = math_problems.NAME_500


class Prm800k(public_builder.PublicBuilder):
  format_name: ClassVar = prm800k.NAME


class MathShepherd(public_builder.PublicBuilder):
  format_name: ClassVar = math_shepherd.NAME


class MathAps(public_builder.PublicBuilder):
  format_name: ClassVar = math_aps.NAME


class Trl(public_builder.PublicBuilder):
  format_name: ClassVar = trl.NAME


class ProcessBench(public_builder.PublicBuilder):
  format_name: ClassVar = process_bench.NAME


class RewardMath(public_builder.PublicBuilder):
  format_name: ClassVar = reward_math.NAME


class RewardBench(public_builder.PublicBuilder):
  format_name: ClassVar = reward_bench.NAME


class PrmBench(public_builder.PublicBuilder):
  format_name: ClassVar = prm_bench.NAME


BUILDERS: dict[str, type[public_builder.PublicBuilder]] = {
  cls.format_name: cls
  for cls in (
    *(Gsm8k, Math, Math500, Prm800k, MathShepherd, MathAps, Trl),
    *(ProcessBench, RewardMath, RewardBench, PrmBench),
  )
}


def get(name: str) -> type[public_builder.PublicBuilder]:
  """The builder of a format.

  Raises:
    UserError: no format of this name.
  """
  if name not in BUILDERS:
    raise errors.UserError(
      f"source.format: no format {name!r}, expected one of "
      f"{', '.join(BUILDERS)}"
    )
  return BUILDERS[name]
