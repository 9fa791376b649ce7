"""Config groups to dataclasses: every mistake names its field."""

import dataclasses
from typing import Literal

import pytest

from prm_jax import errors
from prm_jax.build import fields


@dataclasses.dataclass(frozen=True)
class Config:
  size: int
  kind: Literal["small", "large"] = "small"
  names: tuple[str, ...] = ()
  extra: dict = dataclasses.field(default_factory=dict)


def test_fields_arrive_and_lists_become_tuples():
  got = fields.dataclass(Config, {"size": 3, "names": ["a", "b"]}, "group")
  assert got == Config(3, "small", ("a", "b"))
  assert fields.dataclass(Config, {"size": 3, "kind": "large"}, "group") == (
    Config(3, "large")
  )


@pytest.mark.parametrize(
  ("values", "told"),
  [
    ({"size": 1, "sise": 2}, r"^group\.sise: no such field, expected size, "),
    ({}, r"^group\.size: missing$"),
    (
      {"size": 1, "kind": "huge"},
      r"^group\.kind: 'huge' is not one of 'small', 'large'$",
    ),
  ],
)
def test_mistakes_are_told(values, told):
  with pytest.raises(errors.UserError, match=told):
    fields.dataclass(Config, values, "group")
