"""The public formats by name."""

from collections.abc import Callable
from typing import Any, NamedTuple

from prm_jax import errors
from prm_jax.data import fields
from prm_jax.data.formats import (
  base,
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


class Entry(NamedTuple):
  """A format and the dataclass of its options."""

  options: type
  make: Callable[[Any], base.Format[Any]]


def _plain(form: base.Format[Any]) -> Entry:
  return Entry(fields.NoOptions, lambda _: form)


FORMATS: dict[str, Entry] = {
  gsm8k.NAME: Entry(gsm8k.Config, gsm8k.make),
  math_problems.NAME: Entry(math_problems.Config, math_problems.make),
  math_problems.NAME_500: Entry(math_problems.Config, math_problems.make_500),
  prm800k.NAME: Entry(prm800k.Config, prm800k.make),
  math_shepherd.NAME: _plain(math_shepherd.FORMAT),
  math_aps.NAME: Entry(math_aps.Config, math_aps.make),
  trl.NAME: _plain(trl.FORMAT),
  process_bench.NAME: _plain(process_bench.FORMAT),
  reward_math.NAME: _plain(reward_math.FORMAT),
  reward_bench.NAME: Entry(reward_bench.Config, reward_bench.make),
  prm_bench.NAME: _plain(prm_bench.FORMAT),
}


def get(name: str) -> Entry:
  if name not in FORMATS:
    raise errors.UserError(
      f"source.format: no format {name!r}, expected one of {', '.join(FORMATS)}"
    )
  return FORMATS[name]
