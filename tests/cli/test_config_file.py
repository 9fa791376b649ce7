"""Configs by name and by path; each broken file is one line."""

import pytest

from prm_jax import errors
from prm_jax.cli import config_file

GOOD = """
import ml_collections

def get_config(arg="base"):
  config = ml_collections.ConfigDict({"size": 3, "arg": arg})
  config.double = config.get_ref("size") * 2
  return config
"""


@pytest.fixture
def write(tmp_path):
  def write_config(text, name="mine.py"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)

  return write_config


def test_path_argument_and_overrides(write):
  path = write(GOOD)
  assert config_file.load(path).to_dict() == {
    "size": 3,
    "arg": "base",
    "double": 6,
  }
  config = config_file.load(f"{path}:a:b", [("size", "4"), ("size", "5")])
  assert (config.arg, config.size, config.double) == ("a:b", 5, 10)


def test_the_config_is_locked(write):
  config = config_file.load(write(GOOD))
  with pytest.raises((KeyError, AttributeError)):
    config.new_field = 1


def test_a_shipped_config_is_found_by_name(write, tmp_path, monkeypatch):
  write(GOOD, "small.py")
  monkeypatch.setattr(config_file, "SHIPPED", tmp_path)
  assert config_file.names() == ["small"]
  assert config_file.load("small:x").arg == "x"
  # A path to where it might be, and a slip of the finger.
  for spec in ("configs/small.py", "smal", "small.py"):
    with pytest.raises(errors.UserError, match="did you mean --config small"):
      config_file.load(spec)


@pytest.mark.parametrize(
  ("text", "parts"),
  [
    ("def get_config(:\n", ["line 1", "invalid syntax"]),
    ("x = 1\ny = nowhere\n", ["line 2", "NameError", "nowhere"]),
    ("import no_such_module\n", ["line 1", "no_such_module"]),
    ("x = 1\n", ["has no function get_config"]),
    ("get_config = 3\n", ["has no function get_config"]),
    ("def get_config():\n  return {}\n", ["returned dict", "ConfigDict"]),
    ("def get_config():\n  raise ValueError('a\\nb')\n", ["line 2", "a b"]),
    ("def get_config():\n  raise SystemExit(1)\n", ["SystemExit"]),
    ("def get_config(arg):\n  return arg\n", ["needs an argument"]),
  ],
)
def test_a_broken_file_is_named(write, text, parts):
  path = write(text)
  with pytest.raises(errors.UserError) as caught:
    config_file.load(path)
  told = str(caught.value)
  assert path in told
  assert all(part in told for part in parts), told
  assert "\n" not in told


def test_an_argument_that_does_not_fit(write):
  none = write("def get_config():\n  return 1\n", "none.py")
  with pytest.raises(errors.UserError, match="takes no :ARG"):
    config_file.load(none + ":tiny")
  table = write("def get_config(arg):\n  return {}[arg]\n", "table.py")
  with pytest.raises(errors.UserError, match=r"KeyError.*argument 'tiny'"):
    config_file.load(table + ":tiny")


def test_a_file_that_is_not_there(tmp_path):
  with pytest.raises(errors.UserError, match=r"'no/such\.py' not found"):
    config_file.load("no/such.py")
  with pytest.raises(errors.UserError, match="is not a file"):
    config_file.load(f"{tmp_path}/")
