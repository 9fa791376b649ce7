"""Sizes, names and the place of configs, checked over the whole package."""

import ast
import pathlib

import pytest

from prm_jax.cli import config_file, overrides

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60  # the docstring aside
LONGER_FILES: set[str] = set()  # with a reason each; up to 500 lines
MAX_LONGER_FILE_LINES = 500
MAGNETS = {"utils", "util", "common", "helpers", "misc", "shared"}


def function_lengths(source: str) -> list[tuple[str, int]]:
  """(name, lines without the docstring) of every function."""
  found = []
  for node in ast.walk(ast.parse(source)):
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
      continue
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is not None:
      text = node.body[0]
      lines -= (text.end_lineno or text.lineno) - text.lineno + 1
    found.append((node.name, lines))
  return found


def config_defaults(source: str) -> list[tuple[int, str]]:
  """Calls that read a config with a default: `config.get("x", 1)`.

  A field that is absent has to be an error; its default belongs to the
  config file.
  """
  found = []
  for node in ast.walk(ast.parse(source)):
    if not isinstance(node, ast.Call):
      continue
    arguments = len(node.args) + len(node.keywords)
    if isinstance(node.func, ast.Attribute):
      takes_default = node.func.attr == "get" and arguments == 2
      owner = ast.unparse(node.func.value)
    else:
      takes_default = ast.unparse(node.func) == "getattr" and arguments == 3
      owner = ast.unparse(node.args[0]) if node.args else ""
    names = owner.lower().replace("[", ".").split(".")
    is_config = any(n.endswith(("config", "cfg")) or n == "c" for n in names)
    if takes_default and is_config:
      found.append((node.lineno, ast.unparse(node)))
  return found


def fields_read(source: str) -> set[str]:
  """Names that code reads: attributes, strings, parameters (for `**group`)."""
  found = set()
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
      found.add(node.attr)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
      found.add(node.value)
    elif isinstance(node, ast.arg):
      found.add(node.arg)
  return found


@pytest.fixture(scope="module")
def sources(project_root) -> dict[str, str]:
  """Text of every module, by its path in the package."""
  root = project_root / "prm_jax"
  files = sorted(root.rglob("*.py"))
  assert files
  return {f.relative_to(root).as_posix(): f.read_text() for f in files}


def test_files_are_short(sources):
  lengths = {p: len(text.splitlines()) for p, text in sources.items()}
  limits = {
    p: MAX_LONGER_FILE_LINES if p in LONGER_FILES else MAX_FILE_LINES
    for p in lengths
  }
  assert {p: n for p, n in lengths.items() if n > limits[p]} == {}
  needless = {p for p in LONGER_FILES if lengths[p] <= MAX_FILE_LINES}
  assert needless == set()


def test_functions_are_short(sources):
  long = {
    f"{path}:{name}": lines
    for path, text in sources.items()
    for name, lines in function_lengths(text)
    if lines > MAX_FUNCTION_LINES
  }
  assert long == {}


def test_modules_are_named_by_their_subject(sources):
  found = {
    path
    for path in sources
    if MAGNETS & set(pathlib.PurePosixPath(path).with_suffix("").parts)
  }
  assert found == set()


def test_configs_are_read_without_defaults(sources):
  found = {
    f"{path}:{line}": call
    for path, text in sources.items()
    if not path.startswith("configs/")
    for line, call in config_defaults(text)
  }
  assert found == {}


@pytest.mark.parametrize("name", config_file.names())
def test_shipped_config_is_whole(sources, name):
  """It loads, says what it is for, and no field of it is dead."""
  config = config_file.load(name)
  module = ast.parse((config_file.SHIPPED / f"{name}.py").read_text())
  assert "prm-jax" in (ast.get_docstring(module) or "")
  read = set().union(
    *(fields_read(t) for p, t in sources.items() if p[:8] != "configs/")
  )
  fields = overrides.leaves(config)
  assert fields
  assert [f for f in fields if f.split(".")[-1] not in read] == []


def test_function_lengths_leave_the_docstring_out():
  source = 'def f():\n  """One.\n\n  Two.\n  """\n  x = 1\n  return x\n'
  assert function_lengths(source) == [("f", 3)]
  assert function_lengths("class A:\n  def g(self):\n    pass") == [("g", 2)]


def test_reads_are_found():
  source = "def f(width):\n  x.depth = g(y.heads, z['rate'])"
  assert fields_read(source) == {"width", "heads", "rate"}


@pytest.mark.parametrize(
  "call",
  [
    "config.get('x', 1)",
    "self.config.train.get('x', 1)",
    "model_config.get('x', default=1)",
    "c.model.get('x', 1)",
    "getattr(config.model, 'x', 1)",
  ],
)
def test_a_default_is_found(call):
  assert config_defaults(f"x = {call}") == [(1, ast.unparse(ast.parse(call)))]


@pytest.mark.parametrize(
  "call", ["config.get('x')", "labels.get('x', 1)", "getattr(module, 'x', 1)"]
)
def test_other_reads_are_no_default(call):
  assert config_defaults(f"x = {call}") == []
