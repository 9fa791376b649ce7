"""Command lines, good and mistyped."""

import pytest

from prm_jax import errors
from prm_jax.cli import flags

COMMANDS = {"train": "trains", "search": "searches"}


def parse(line: str) -> flags.Arguments:
  return flags.parse(line.split(), COMMANDS)


def test_all_parts_are_told_apart():
  told = parse(
    "train --config a.py:tiny --config.b.c=1 --workdir w --policy p"
    " --config.d=x=y --verifier=v"
  )
  assert told.command == "train"
  assert told.config == "a.py:tiny"
  assert told.overrides == (("b.c", "1"), ("d", "x=y"))
  assert told.workdir == "w"
  assert told.flags == flags.Flags(policy="p", verifier="v")
  assert not told.show_help


def test_nothing_is_filled_in():
  told = parse("search")
  assert (told.config, told.overrides, told.workdir) == (None, (), None)
  assert told.flags == flags.Flags()


@pytest.mark.parametrize(
  ("line", "parts"),
  [
    ("", ["no command given", "train, search"]),
    ("--workdir w", ["no command before --workdir"]),
    ("trian", ["'trian'", "did you mean train?", "train, search"]),
    ("train --modle x", ["--modle", "did you mean --model?"]),
    ("train --mod x", ["unknown flag --mod"]),  # no abbreviations
    ("train --xyzzy", ["unknown flag --xyzzy"]),
    ("train --conifg.a.b=1", ["did you mean --config.a.b?"]),
    ("train --config.a 1", ["--config.a", "--config.a=VALUE"]),
    ("train --config.=1", ["--config.FIELD=VALUE"]),
    ("train stray", ["unexpected argument 'stray'"]),
    ("train --workdir", ["--workdir", "expected one argument"]),
  ],
)
def test_a_mistake_is_named(line, parts):
  with pytest.raises(errors.UserError) as caught:
    parse(line)
  assert all(part in str(caught.value) for part in parts), caught.value
  assert "\n" not in str(caught.value)
