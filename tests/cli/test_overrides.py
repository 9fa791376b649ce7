"""Text to values of the field's own type."""

import ml_collections
import pytest
from ml_collections import config_dict

from prm_jax import errors
from prm_jax.cli import overrides


def make() -> ml_collections.ConfigDict:
  config = ml_collections.ConfigDict(
    {
      "steps": 10,
      "rate": 0.5,
      "name": "base",
      "flag": False,
      "sizes": (1, 2),
      "rates": [0.1],
      "words": ("a",),
      "empty": (),
      "unset": None,
      "model": {"width": 8, "deep": {"heads": 2}},
    }
  )
  config.limit = config_dict.placeholder(int)
  config.lock()
  return config


@pytest.mark.parametrize(
  ("field", "text", "value"),
  [
    ("steps", "-3", -3),
    ("rate", "2", 2.0),
    ("rate", "1e-3", 1e-3),
    ("rate", "inf", float("inf")),
    ("name", "a b=c", "a b=c"),
    ("name", "", ""),
    ("name", "None", "None"),  # text stays text
    ("name", "3", "3"),
    ("flag", "true", True),
    ("flag", "True", True),
    ("flag", "0", False),
    ("sizes", "4,5,6", (4, 5, 6)),
    ("sizes", "(4, 5)", (4, 5)),
    ("sizes", "[4]", (4,)),
    ("sizes", "4", (4,)),
    ("sizes", "()", ()),
    ("rates", "1,0.5", [1.0, 0.5]),
    ("words", "b,c", ("b", "c")),
    ("words", "'b', 'c'", ("b", "c")),
    ("words", "1,2e3", ("1", "2e3")),
    ("words", "('b,c',)", ("b,c",)),
    ("words", "", ()),
    ("empty", "x,y", ("x", "y")),
    ("empty", "1,2", (1, 2)),
    ("unset", "3", 3),
    ("unset", "path/x", "path/x"),
    ("unset", "None", None),
    ("limit", "7", 7),
    ("limit", "None", None),
    ("model.width", "16", 16),
    ("model.deep.heads", "4", 4),
  ],
)
def test_value_has_the_type_of_the_field(field, text, value):
  config = make()
  overrides.apply(config, field, text, source="c")
  group = config
  for part in field.split("."):
    group = group[part]
  assert group == value
  assert type(group) is type(value)
  changed = {
    f for f in overrides.leaves(config) if _get(config, f) != _get(make(), f)
  }
  assert changed <= {field}


def _get(config, field):
  for part in field.split("."):
    config = config[part]
  return config


@pytest.mark.parametrize(
  ("field", "text", "part"),
  [
    ("steps", "ten", "has to be an integer"),
    ("steps", "1.5", "has to be an integer"),
    ("steps", "None", "has to be an integer"),
    ("steps", "", "has to be an integer"),
    ("limit", "x", "has to be an integer"),
    ("rate", "fast", "has to be a number"),
    ("rate", "nan", "nan"),
    ("flag", "maybe", "has to be true or false"),
    ("sizes", "1,x", "has to be a list"),
    ("sizes", "(1, 'x')", "element 1 has to be int"),
    ("sizes", "(1, 2", "has to be a list"),
    ("sizes", "1.5", "element 0 has to be int"),
    ("stepz", "1", "did you mean --config.steps?"),
    ("model.widht", "1", "did you mean --config.model.width?"),
    ("width", "1", "did you mean --config.model.width?"),
    ("steps.x", "1", "has no field steps.x"),
    ("model", "1", "group of fields (deep, width)"),
    ("model.deep", "1", "--config.model.deep.heads=VALUE"),
    ("", "1", "has no field"),
    ("model..width", "1", "has no field"),
  ],
)
def test_a_mistake_names_the_field_and_changes_nothing(field, text, part):
  config = make()
  with pytest.raises(errors.UserError) as caught:
    overrides.apply(config, field, text, source="small")
  told = str(caught.value)
  assert told.startswith(f"--config.{field}={text}: ")
  assert part in told
  assert config == make()


def test_references_follow():
  config = ml_collections.ConfigDict({"a": 2})
  config.b = config.get_ref("a") * 3
  overrides.apply(config.lock(), "a", "5", source="c")
  assert config.b == 15
