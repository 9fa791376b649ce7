"""Exit codes, the one line, signals; and the commands' interface."""

import errno
import importlib
import inspect
import json
import signal
import subprocess
import sys
import types

import pytest

from prm_jax import errors
from prm_jax.cli import config_file, flags, main

CONFIG = """
import ml_collections

def get_config():
  return ml_collections.ConfigDict({"steps": 3, "seed": 0})
"""


@pytest.fixture
def command(tmp_path, monkeypatch):
  """A stand-in for `prm-jax train` that records how it was called."""
  config = tmp_path / "small.py"
  config.write_text(CONFIG)
  module = types.ModuleType("prm_jax.cli.train")
  module.DEFAULT_CONFIG = str(config)
  module.calls = []

  def run(config, workdir, flags):
    module.calls.append((config, workdir, flags))
    return 0

  module.run = run
  monkeypatch.setitem(sys.modules, module.__name__, module)
  return module


def told(capsys) -> str:
  """The one line on stderr."""
  captured = capsys.readouterr()
  (line,) = captured.err.splitlines()
  assert line.startswith("prm-jax: ")
  return line


def test_the_command_gets_config_workdir_and_flags(command, tmp_path):
  path = tmp_path / "w"
  line = ["train", "--workdir", str(path), "--config.steps=5", "--policy=p"]
  assert main.main(line) == 0
  ((config, workdir, given),) = command.calls
  assert (config.steps, config.seed) == (5, 0)
  assert workdir == path
  assert given == flags.Flags(policy="p")
  record = json.loads((path / "config.json").read_text())
  assert record["command"] == "train"
  assert record["config"] == {"steps": 5, "seed": 0}
  assert record["flags"]["policy"] == "p"


def test_its_exit_code_is_ours(command, tmp_path):
  command.run = lambda config, workdir, flags: 7
  assert main.main(["train", "--workdir", str(tmp_path / "w")]) == 7


def test_another_config_is_turned_away(command, tmp_path, capsys):
  line = ["train", "--workdir", str(tmp_path / "w")]
  assert main.main(line) == 0
  assert main.main([*line, "--config.steps=4"]) == 2
  assert "config.steps is 3" in told(capsys)
  command.VOLATILE = ("config.steps",)
  assert main.main([*line, "--config.steps=4"]) == 0
  assert len(command.calls) == 2


def test_a_command_may_add_to_anothers_workdir(command, tmp_path):
  path = tmp_path / "w"
  assert main.main(["train", "--workdir", str(path)]) == 0
  before = (path / "config.json").read_text()
  command.CLAIMS_WORKDIR = False
  line = ["train", "--workdir", str(path), "--config.seed=9"]
  assert main.main(line) == 0
  assert (path / "config.json").read_text() == before


@pytest.mark.parametrize(
  ("arguments", "parts"),
  [
    ([], ["no command given"]),
    (["trian"], ["did you mean train?"]),
    (["train"], ["train needs --workdir DIR"]),
    (["train", "--workdir", "w", "--modle=x"], ["did you mean --model?"]),
    (["train", "--workdir", "w", "--config=no.py"], ["'no.py' not found"]),
    (
      ["train", "--workdir", "w", "--config.stesp=1"],
      ["--config.stesp=1", "small.py", "did you mean --config.steps?"],
    ),
    (["train", "--workdir", "w", "--config.steps=x"], ["an integer"]),
    (["train", "--workdir", "small.py"], ["small.py is not a directory"]),
  ],
)
def test_a_mistake_is_one_line_and_touches_nothing(
  command, tmp_path, monkeypatch, capsys, arguments, parts
):
  monkeypatch.chdir(tmp_path)
  assert main.main(arguments) == 2
  line = told(capsys)
  assert line.startswith("prm-jax: error: ")
  assert all(part in line for part in parts), line
  assert command.calls == []
  assert [p.name for p in tmp_path.iterdir()] == ["small.py"]


def test_the_commands_own_mistake_is_one_line(command, tmp_path, capsys):
  def run(config, workdir, flags):
    raise errors.UserError("puzzles.txt line 3:\n three numbers")

  command.run = run
  assert main.main(["train", "--workdir", str(tmp_path / "w")]) == 2
  assert told(capsys) == "prm-jax: error: puzzles.txt line 3: three numbers"


def test_a_full_disk_is_one_line_and_a_bug_is_not(command, tmp_path, capsys):
  line = ["train", "--workdir", str(tmp_path / "w")]

  def fail(error):
    def run(config, workdir, flags):
      raise error

    return run

  command.run = fail(OSError(errno.ENOSPC, "No space left", "state.npz"))
  assert main.main(line) == 2
  assert told(capsys) == "prm-jax: error: state.npz: No space left"
  for bug in (OSError(errno.EBADF, "Bad file"), ValueError("oh"), KeyError(1)):
    command.run = fail(bug)
    with pytest.raises(type(bug)):
      main.main(line)


@pytest.mark.parametrize(
  ("arguments", "part"),
  [
    (["--help"], "usage: prm-jax COMMAND"),
    (["-h"], "quickstart"),
    (["--version"], "prm-jax "),
    (["train", "--help"], "--workdir DIR"),
    (["train", "-h"], "small.py"),  # the default config
  ],
)
def test_help(command, capsys, arguments, part):
  assert main.main(arguments) == 0
  captured = capsys.readouterr()
  assert part in captured.out
  assert captured.err == ""


def test_the_module_is_the_script(run_cli):
  done = run_cli("--help")
  assert (done.returncode, done.stderr) == (0, "")
  assert all(name in done.stdout for name in main.COMMANDS)
  done = run_cli("search", "--wrokdir", "w")
  assert done.returncode == 2
  assert done.stderr == (
    "prm-jax: error: unknown flag --wrokdir; did you mean --workdir?\n"
  )


SLEEPER = """
import signal, sys, time, types
from prm_jax.cli import main

# A shell starts its background jobs deaf to Ctrl-C; the test may be in one.
signal.signal(signal.SIGINT, signal.default_int_handler)

def run(config, workdir, flags):
  try:
    print("ready", flush=True)
    time.sleep(60)
  finally:
    (workdir / "closed").touch()

module = types.ModuleType("prm_jax.cli.train")
module.DEFAULT_CONFIG = "small.py"
module.run = run
sys.modules[module.__name__] = module
sys.exit(main.main(["train", "--workdir", "w"]))
"""


@pytest.mark.parametrize(
  ("signum", "code", "word"),
  [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_stopped_run_cleans_up_and_says_how_to_go_on(
  tmp_path, project_root, signum, code, word
):
  (tmp_path / "small.py").write_text(CONFIG)
  process = subprocess.Popen(
    [sys.executable, "-c", SLEEPER],
    cwd=tmp_path,
    env={"PYTHONPATH": str(project_root)},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
  try:
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signum)
    _, stderr = process.communicate(timeout=60)
  finally:
    process.kill()
  assert process.returncode == code
  assert stderr == (
    f"prm-jax: {word}; the same command again goes on from what was saved\n"
  )
  assert (tmp_path / "w" / "closed").exists()


def test_the_signal_handler_is_put_back(command, tmp_path):
  before = signal.getsignal(signal.SIGTERM)
  assert main.main(["train", "--workdir", str(tmp_path / "w")]) == 0
  assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("name", list(main.COMMANDS))
def test_every_command_keeps_the_interface(name):
  module = importlib.import_module(f"prm_jax.cli.{name}")
  config_file.load(module.DEFAULT_CONFIG)
  assert list(inspect.signature(module.run).parameters) == [
    "config",
    "workdir",
    "flags",
  ]
  assert isinstance(getattr(module, "VOLATILE", ()), tuple)
  assert isinstance(getattr(module, "CLAIMS_WORKDIR", True), bool)
