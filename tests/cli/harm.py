"""Runs a command and harms its own process at a chosen call.

python tests/cli/harm.py HARM MODULE:NAME COUNT COMMAND [FLAGS]

HARM comes right after the COUNTth call of the function: "kill" (SIGKILL),
"terminate" (SIGTERM), or "full": no file can grow from then on.
"""

import functools
import importlib
import itertools
import os
import resource
import signal
import sys

from prm_jax.cli import main

HARMS = {
  "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
  "terminate": lambda: os.kill(os.getpid(), signal.SIGTERM),
  "full": lambda: resource.setrlimit(
    resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY)
  ),
}


def arm(harm: str, place: str, count: int) -> None:
  module, _, path = place.partition(":")
  *parents, name = path.split(".")
  owner = functools.reduce(getattr, parents, importlib.import_module(module))
  original = getattr(owner, name)
  calls = itertools.count(1)

  @functools.wraps(original)
  def wrapped(*args, **kwargs):
    found = original(*args, **kwargs)
    if next(calls) == count:
      HARMS[harm]()
    return found

  setattr(owner, name, wrapped)


if __name__ == "__main__":
  arm(sys.argv[1], sys.argv[2], int(sys.argv[3]))
  sys.exit(main.main(sys.argv[4:]))
