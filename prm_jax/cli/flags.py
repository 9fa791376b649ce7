"""From an argument list to a command, its plain flags and its overrides."""

import argparse
import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from prm_jax import errors

_OVERRIDE = "--config."
# Of `Flags` and the working folder: what a value is, and what it is for.
_PLAIN: Mapping[str, tuple[str, str]] = {
  "workdir": ("DIR", "where all that is written goes"),
  "model": ("DIR", "checkpoint of a single model"),
  "policy": ("DIR", "checkpoint of the policy"),
  "verifier": ("DIR", "checkpoint of the verifier"),
  "target": ("DIR", "checkpoint of a second policy"),
  "input": ("PATH", "records or problems to read"),
  "format": ("NAME", "format of what is read or written"),
  "benchmark": ("NAME", "what `evaluate` measures"),
  "scores": ("FILE", "step scores that `score` wrote"),
}


@dataclasses.dataclass(frozen=True)
class Flags:
  """The few things that always vary; None where the user did not say."""

  model: str | None = None
  policy: str | None = None
  verifier: str | None = None
  target: str | None = None
  input: str | None = None
  format: str | None = None
  benchmark: str | None = None
  scores: str | None = None


@dataclasses.dataclass(frozen=True)
class Arguments:
  """One parsed command line."""

  command: str
  config: str | None  # FILE or NAME, perhaps with :ARG
  overrides: tuple[tuple[str, str], ...]  # (dotted field, text), in order
  workdir: str | None
  flags: Flags
  show_help: bool


class _Parser(argparse.ArgumentParser):
  def error(self, message: str) -> NoReturn:
    raise errors.UserError(message.removeprefix("argument "))


def _make_parser() -> argparse.ArgumentParser:
  parser = _Parser(
    prog="prm-jax COMMAND",
    add_help=False,
    allow_abbrev=False,
    epilog="--config.FIELD=VALUE sets one field of the config.",
  )
  add = parser.add_argument
  add(
    "--config",
    metavar="FILE[:ARG]",
    help="a config by name (prm_jax/configs) or path",
  )
  for name, (metavar, text) in _PLAIN.items():
    add(f"--{name}", metavar=metavar, help=text)
  add("-h", "--help", action="store_true", help="show this help")
  return parser


def usage() -> str:
  """What the flags of every command are, for `--help`."""
  return _make_parser().format_help()


def required(command: str, name: str, value: str | None) -> str:
  """The value of a flag, or of the field it sets, that a command needs.

  Raises:
    UserError: it is empty.
  """
  if not value:
    metavar, _ = _PLAIN[name]
    raise errors.UserError(f"{command} needs --{name} {metavar}")
  return value


def suggestion(word: str, known: Iterable[str], prefix: str = "") -> str:
  """`; did you mean --model?`, or nothing where nothing comes close."""
  close = difflib.get_close_matches(word, list(known), n=2, cutoff=0.6)
  if not close:
    return ""
  return "; did you mean " + " or ".join(prefix + c for c in close) + "?"


def parse(argv: Sequence[str], commands: Mapping[str, str]) -> Arguments:
  """Parses `COMMAND [flags]`.

  Args:
    argv: the arguments after the program's name.
    commands: known commands and what each does.

  Raises:
    errors.UserError: unknown command or flag, a value that is missing.
  """
  if not argv or argv[0].startswith("-"):
    where = f"before {argv[0]}" if argv else "given"
    raise errors.UserError(f"no command {where}; {_known(commands)}")
  command, rest = argv[0], argv[1:]
  if command not in commands:
    raise errors.UserError(
      f"unknown command {command!r}{suggestion(command, commands)}"
      f" ({_known(commands)})"
    )
  overrides = tuple(_split(a) for a in rest if a.startswith(_OVERRIDE))
  plain = [a for a in rest if not a.startswith(_OVERRIDE)]
  parser = _make_parser()
  values, unknown = parser.parse_known_args(plain)
  if unknown:
    _reject(unknown[0], list(vars(values)))
  names = [field.name for field in dataclasses.fields(Flags)]
  return Arguments(
    command=command,
    config=values.config,
    overrides=overrides,
    workdir=values.workdir,
    flags=Flags(**{name: getattr(values, name) for name in names}),
    show_help=values.help,
  )


def _known(commands: Mapping[str, str]) -> str:
  return "commands: " + ", ".join(commands)


def _split(argument: str) -> tuple[str, str]:
  field, equals, text = argument.removeprefix(_OVERRIDE).partition("=")
  if not equals or not field:
    raise errors.UserError(
      f"{argument}: write {_OVERRIDE}{field or 'FIELD'}=VALUE, with an equals"
      " sign and no space"
    )
  return field, text


def _reject(argument: str, names: Sequence[str]) -> NoReturn:
  """Raises the error for an argument that no flag takes."""
  if not argument.startswith("-"):
    raise errors.UserError(f"unexpected argument {argument!r}")
  name = argument.lstrip("-").split("=")[0]
  head, dot, field = name.partition(".")
  hint = suggestion(head, names, "--")
  if dot and hint:
    hint = f"; did you mean {_OVERRIDE}{field}?"
  raise errors.UserError(f"unknown flag --{name}{hint}")
