"""One tiny quickstart that the tests of the commands share."""

import contextlib
import fcntl
import io
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import pytest

from prm_jax.cli import main

HERE = pathlib.Path(__file__).parent
# Compiling is nearly all of the time; what is compiled hardly runs.
LIGHT = "jax_disable_most_optimizations"


@contextlib.contextmanager
def light_compilation() -> Iterator[None]:
  before = jax.config.values[LIGHT]
  jax.config.update(LIGHT, True)
  try:
    yield
  finally:
    jax.config.update(LIGHT, before)


@pytest.fixture(autouse=True)
def light() -> Iterator[None]:
  with light_compilation():
    yield


class Finished(NamedTuple):
  """A quickstart that ran without interruption."""

  workdir: pathlib.Path
  output: str


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
  """Read it; copy what is to be changed. The workers of a run share it."""
  base = tmp_path_factory.getbasetemp()
  place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
  workdir, told = place / "tiny" / "quickstart", place / "tiny" / "told.txt"
  told.parent.mkdir(exist_ok=True)
  with (place / "tiny" / "lock").open("w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    if not told.exists():
      output = io.StringIO()
      argv = ["quickstart", "--config", "quickstart:tiny"]
      with light_compilation(), contextlib.redirect_stdout(output):
        assert main.main([*argv, "--workdir", str(workdir)]) == 0
      told.write_text(output.getvalue())
  return Finished(workdir, told.read_text())


@pytest.fixture
def tiny() -> Callable[[str], str]:
  """`--config` of a stage or a search method: see `tiny.py`."""
  return lambda name: f"{HERE / 'tiny.py'}:{name}"


Prm = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def prm(capsys: pytest.CaptureFixture[str]) -> Prm:
  """Runs a command in this process: exit code, lines of stdout and stderr."""

  def run(*args: object) -> tuple[int, list[str], list[str]]:
    capsys.readouterr()
    code = main.main(list(map(str, args)))
    out, err = capsys.readouterr()
    return code, out.splitlines(), err.splitlines()

  return run


@pytest.fixture
def harmed() -> Callable[..., subprocess.CompletedProcess[str]]:
  """Runs a command in a process that comes to harm: see `harm.py`."""

  def run(harm: str, place: str, count: int, *args: object):
    root = str(HERE.parent.parent)
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, HERE / "harm.py", harm, place, count, *args]
    return subprocess.run(
      list(map(str, command)),
      capture_output=True,
      text=True,
      check=False,
      timeout=300,
      env=os.environ | {"PYTHONPATH": path, LIGHT.upper(): "1"},
    )

  return run
