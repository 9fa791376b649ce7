"""`prm-jax COMMAND`: parses, claims the work directory, calls the command.

The user's mistake is one line and exit code 2; a bug keeps its traceback.
"""

import contextlib
import dataclasses
import errno
import importlib
import importlib.metadata
import os
import pathlib
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType, ModuleType

from prm_jax import errors
from prm_jax.cli import flags as flags_lib

# In the order of the loop they belong to.
COMMANDS = {
  "quickstart": "data, policy, value model and search on Game of 24, on a CPU",
  "train": "one training run of any objective; resumes by itself",
  "convert": "public checkpoints to our folders and back, compared",
  "score": "step scores of given solutions",
  "generate": "write a benchmark set whose answers or first errors are known",
  "search": "solve problems with a method under a budget",
  "refine": "solve problems by writing again: critics, revisions, debate",
  "label": "step labels of given solutions, by rollouts of a policy",
  "evaluate": "measure a verifier or a policy by a benchmark",
  "report": "tables, plots and one HTML page from work directories",
}

_SIGNAL_BASE = 128  # a shell's exit code for death by signal n is 128 + n
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


class Terminated(KeyboardInterrupt):
  """SIGTERM, raised in the main thread as Ctrl-C is."""


def console() -> None:
  """Entry point of the `prm-jax` script."""
  sys.exit(main())


def main(argv: Sequence[str] | None = None) -> int:
  """Runs one command.

  Args:
    argv: arguments after the program's name; those of the process if None.

  Returns:
    The exit code: 0, what the command returned, 2 for a mistake in the
    input or a full disk, 130 after Ctrl-C, 143 after SIGTERM.
  """
  argv = list(sys.argv[1:] if argv is None else argv)
  try:
    with _terminate_like_interrupt():
      return _run(argv)
  except errors.UserError as error:
    return _tell(f"error: {' '.join(str(error).split())}", 2)
  except Terminated:
    return _stopped("terminated", signal.SIGTERM)
  except KeyboardInterrupt:
    return _stopped("interrupted", signal.SIGINT)
  except OSError as error:
    if error.errno not in _FULL:
      raise
    return _tell(f"error: {error.filename or 'write'}: {error.strerror}", 2)


def _run(argv: Sequence[str]) -> int:
  if argv and argv[0] in ("-h", "--help", "help"):
    return _print(_overview())
  if argv and argv[0] == "--version":
    return _print(f"prm-jax {importlib.metadata.version('prm-jax')}")
  arguments = flags_lib.parse(argv, COMMANDS)
  if arguments.show_help:
    return _print(_describe(arguments.command))
  folder = flags_lib.required(arguments.command, "workdir", arguments.workdir)
  # Imported here: the overview and a mistyped flag need not wait for JAX.
  from prm_jax.cli import config_file

  module = _import_command(arguments.command)
  name = arguments.config or _default_config(module, arguments.flags)
  config = config_file.load(name, arguments.overrides)
  record = {
    "command": arguments.command,
    "config": config.to_dict(),
    "flags": dataclasses.asdict(arguments.flags),
  }
  with _enter(module, folder, record) as workdir:
    return module.run(config, workdir, arguments.flags)


def _default_config(module: ModuleType, flags: flags_lib.Flags) -> str:
  """The command's own, which may depend on its flags."""
  if hasattr(module, "default_config"):
    return module.default_config(flags)
  return module.DEFAULT_CONFIG


def _import_command(command: str) -> ModuleType:
  return importlib.import_module(f"prm_jax.cli.{command}")


def _enter(
  module: ModuleType, path: str, record: dict
) -> contextlib.AbstractContextManager[pathlib.Path]:
  from prm_jax.cli import workdir

  if not getattr(module, "CLAIMS_WORKDIR", True):
    return workdir.hold(path)
  return workdir.claim(path, record, volatile=getattr(module, "VOLATILE", ()))


@contextlib.contextmanager
def _terminate_like_interrupt() -> Iterator[None]:
  """Lets SIGTERM unwind the stack, so that files are closed as on Ctrl-C."""

  owner = os.getpid()

  def stop(signum: int, frame: FrameType | None) -> None:
    if os.getpid() != owner:  # a forked worker: its parent does the telling
      os._exit(_SIGNAL_BASE + signum)
    raise Terminated

  try:
    before = signal.signal(signal.SIGTERM, stop)
  except ValueError:  # not in the main thread: a caller's own affair
    yield
    return
  try:
    yield
  finally:
    signal.signal(signal.SIGTERM, before)


def _overview() -> str:
  width = max(map(len, COMMANDS))
  rows = [f"  {name:<{width}}  {what}" for name, what in COMMANDS.items()]
  return "\n".join(
    [
      "usage: prm-jax COMMAND --workdir DIR [--config FILE[:ARG]]"
      " [--config.FIELD=VALUE ...]",
      "",
      *rows,
      "",
      "prm-jax COMMAND --help tells a command's flags.",
    ]
  )


def _describe(command: str) -> str:
  default = _import_command(command).DEFAULT_CONFIG
  return (
    f"prm-jax {command}: {COMMANDS[command]}\n\n{flags_lib.usage()}\n"
    f"The default config is {default}."
  )


def _print(text: str) -> int:
  print(text)
  return 0


def _stopped(how: str, signum: signal.Signals) -> int:
  told = f"{how}; the same command again goes on from what was saved"
  return _tell(told, _SIGNAL_BASE + signum)


def _tell(text: str, code: int) -> int:
  sys.stdout.flush()
  print(f"prm-jax: {text}", file=sys.stderr)
  return code
