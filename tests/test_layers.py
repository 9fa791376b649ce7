"""Imports point down only: every module of the package against the rows.

Imports inside functions count, for laziness does not make an import point
down; those under `if TYPE_CHECKING` count as well.
"""

import ast
import subprocess
import sys

import pytest

ROWS = (  # from the top
  {"cli"},
  {"configs"},  # loaded by path; import nothing but one another
  {"reports"},
  {"labelling", "rl", "eval"},
  {"build", "solvers"},
  {"decode", "data", "train", "checkpoint"},
  {"models", "objectives", "search"},
  {"tasks"},
  {"text"},
  {"types", "masked", "metrics", "errors"},
)
# The console script is the one name above the rows.
ENTRY = "__main__"
ALLOWED_ENTRY = {"cli"}
NO_JAX = {"text", "tasks", "configs"}
JAX = {"jax", "jaxlib", "flax", "optax", "orbax", "chex"}
# Of our own, what loads JAX by itself.
LOADS_JAX = {"types", "masked", "metrics"}

ROW_OF = {name: row for row, names in enumerate(ROWS) for name in names}


def imports(source: str, package: str) -> list[tuple[int, str]]:
  """Absolute names of all modules that the source imports, with their line.

  `from prm_jax import x` counts as `prm_jax.x`; `package` is the dotted
  package that relative imports start from.
  """
  found = []
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.Import):
      found += [(node.lineno, alias.name) for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      base = node.module or ""
      if node.level:
        parents = package.split(".")
        kept = parents[: len(parents) - node.level + 1]
        base = ".".join(kept + ([base] if base else []))
      names = [alias.name for alias in node.names]
      found += [(node.lineno, f"{base}.{name}") for name in names]
    elif (
      isinstance(node, ast.Call)
      and ast.unparse(node.func).endswith(("import_module", "__import__"))
      and node.args
      and isinstance(node.args[0], ast.Constant)
    ):
      found.append((node.lineno, str(node.args[0].value)))
  return found


def violations(path: str, source: str) -> list[str]:
  """What `path`, relative to the package and with slashes, does wrong."""
  parts = path.removesuffix(".py").split("/")
  here = parts[0]
  if path == "__init__.py":
    allowed: set[str] = set()  # importing the package loads nothing
  elif here == ENTRY:
    allowed = ALLOWED_ENTRY
  elif here not in ROW_OF:
    return [f"{path}: {here} is in no row"]
  else:
    allowed = {n for n, row in ROW_OF.items() if row > ROW_OF[here]} | {here}
  if here in NO_JAX:
    allowed = allowed - LOADS_JAX
  if here == "configs":
    allowed = {"configs"}
  package = ".".join(["prm_jax", *parts[:-1]])
  found = []
  for line, name in imports(source, package):
    top, _, rest = name.partition(".")
    if top == "prm_jax":
      target = rest.split(".")[0]
      if target not in ROW_OF:
        found.append(f"{path}:{line}: {target or 'prm_jax'} is in no row")
      elif target not in allowed:
        found.append(f"{path}:{line}: {here} may not import {target}")
    elif here in NO_JAX and top in JAX:
      found.append(f"{path}:{line}: {here} may not import {top}")
  return found


def test_package_keeps_to_the_rows(project_root):
  root = project_root / "prm_jax"
  files = sorted(root.rglob("*.py"))
  assert files
  found = []
  for file in files:
    path = file.relative_to(root).as_posix()
    found += violations(path, file.read_text())
  assert not found, "\n".join(found)


def test_no_jax_is_loaded_without_need(project_root):
  """The rows without JAX also load none by way of a library."""
  root = project_root / "prm_jax"
  files = [f for name in sorted(NO_JAX) for f in (root / name).rglob("*.py")]
  names = [f"prm_jax.cli.{n}" for n in ("main", "config_file", "workdir")]
  for file in files:
    parts = file.relative_to(root).with_suffix("").parts
    names.append(".".join(("prm_jax", *parts)).removesuffix(".__init__"))
  script = "import importlib, sys\n" + "".join(
    f"importlib.import_module({name!r})\n"
    f"if 'jax' in sys.modules: sys.exit({name!r} + ' loads jax')\n"
    for name in names
  )
  done = subprocess.run(
    [sys.executable, "-c", script],
    cwd=project_root,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
  ("path", "source", "part"),
  [
    ("models/lm.py", "from prm_jax.train import loop", "may not import train"),
    ("models/lm.py", "import prm_jax.cli.main", "may not import cli"),
    ("models/lm.py", "from prm_jax import search", "may not import search"),
    ("models/lm.py", "from ..objectives import lm", "import objectives"),
    ("models/lm.py", "from prm_jax import helpers", "helpers is in no row"),
    ("models/lm.py", "from .. import rl", "may not import rl"),
    ("models/lm.py", "import prm_jax", "prm_jax is in no row"),
    (
      "train/loop.py",
      "def f():\n  from prm_jax.data import records\n",
      "train/loop.py:2: train may not import data",
    ),
    (
      "solvers.py",
      "import importlib\nimportlib.import_module('prm_jax.rl.rollout')",
      "solvers may not import rl",
    ),
    ("solvers.py", "from prm_jax import build", "may not import build"),
    ("tasks/game24.py", "import jax.numpy as jnp", "may not import jax"),
    ("text/steps.py", "from flax import linen", "may not import flax"),
    ("text/steps.py", "from prm_jax import types", "may not import types"),
    ("text/steps.py", "from prm_jax import tasks", "may not import tasks"),
    ("configs/a.py", "from prm_jax import errors", "may not import errors"),
    ("__init__.py", "from prm_jax import types", "may not import types"),
    ("metrics.py", "from prm_jax import masked", "may not import masked"),
    ("gadgets/a.py", "", "gadgets is in no row"),
  ],
)
def test_a_bad_import_is_found(path, source, part):
  (told,) = violations(path, source)
  assert part in told


@pytest.mark.parametrize(
  ("path", "source"),
  [
    ("models/lm.py", "from prm_jax.models import layers\nimport jax"),
    ("models/lm.py", "from . import layers\nfrom .layers import norm"),
    ("models/lm.py", "from prm_jax import types\nimport jaxtyping"),
    ("tasks/game24.py", "from prm_jax import errors\nimport numpy as np"),
    ("cli/train.py", "from prm_jax import build, configs\nimport prm_jax.rl"),
    ("configs/a.py", "from prm_jax.configs import b\nimport ml_collections"),
    ("__main__.py", "from prm_jax.cli import main"),
  ],
)
def test_a_good_import_passes(path, source):
  assert violations(path, source) == []
