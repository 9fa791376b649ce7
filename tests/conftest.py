"""Settings and fixtures of the whole suite."""

import importlib.metadata
import os
import pathlib

# Before anything imports JAX. Tests are written for the CPU; setting
# JAX_PLATFORMS runs those that can on something else.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Two workers may share one accelerator, and two cores.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Most of the suite's time is compilation; processes started by tests and the
# next run of the suite find what was compiled before.
os.environ.setdefault(
  "JAX_COMPILATION_CACHE_DIR",
  str(pathlib.Path(__file__).resolve().parent.parent / ".jax_cache"),
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
# This emitter takes half of the time to compile. Later versions have one
# alone, and end at a flag they do not know.
if importlib.metadata.version("jaxlib").startswith("0.10."):
  os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator

import hypothesis
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent

# A compiled program takes some seven mappings of memory, of which Linux grants
# a process 65,530; one more ends it.
MAPPINGS = pathlib.Path("/proc/self/maps")
MOST_MAPPINGS = 20_000

# The same examples every time, and no limit on how long one takes: a slow
# machine is no failure.
hypothesis.settings.register_profile(
  "suite", deadline=None, derandomize=True, max_examples=50, database=None
)
hypothesis.settings.load_profile("suite")

RunCli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True, scope="module")
def few_programs() -> Iterator[None]:
  """Forgets programs behind a module where a worker has compiled many."""
  yield
  if "jax" not in sys.modules or not MAPPINGS.exists():
    return
  with MAPPINGS.open() as lines:
    many = sum(1 for _ in lines) > MOST_MAPPINGS
  if many:
    sys.modules["jax"].clear_caches()
    gc.collect()


@pytest.fixture(scope="session")
def project_root() -> pathlib.Path:
  """The checkout the tests run in."""
  return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], pathlib.Path]:
  """Finds public data kept next to the checkout, or skips the test.

  `shared_data("gsm8k/test.jsonl")` is a path that exists.
  """

  def find(name: str) -> pathlib.Path:
    path = ROOT.parent / "shared" / "data" / name
    if not path.exists():
      pytest.skip(f"public data not found: {path}")
    return path

  return find


@pytest.fixture(scope="session")
def eight_devices() -> dict[str, str]:
  """Environment of a process that finds eight devices."""
  flags = "--xla_force_host_platform_device_count=8"
  return os.environ | {
    "JAX_PLATFORMS": "cpu",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiles in half the time
    "PYTHONPATH": str(ROOT),
    "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flags}",
  }


@pytest.fixture
def run_cli(tmp_path: pathlib.Path) -> RunCli:
  """Runs `prm-jax` in a process of its own, in the test's directory.

  `run_cli("train", "--workdir", path)` returns the completed process with
  `stdout` and `stderr` as text; further keywords go to `subprocess.run`, and
  `env` adds to the environment.
  """

  def run(*args: object, **kwargs) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    env = os.environ | {"PYTHONPATH": path} | kwargs.pop("env", {})
    options = {"cwd": tmp_path, "timeout": 300} | kwargs
    return subprocess.run(
      [sys.executable, "-m", "prm_jax", *map(str, args)],
      capture_output=True,
      text=True,
      env=env,
      check=False,
      **options,
    )

  return run
