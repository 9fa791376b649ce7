"""Methods by name, and the shipped fields of each."""

import dataclasses

import ml_collections
import pytest

from prm_jax import errors
from prm_jax.build import searches
from prm_jax.build.methods import base
from prm_jax.configs import search_methods


def group(name: str, **changes) -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(search_methods.get(name) | changes)


def test_every_method_ships_its_fields():
  assert search_methods.METHODS.keys() == searches.METHODS.keys()


@pytest.mark.parametrize("name", searches.METHODS)
def test_shipped_fields_are_the_defaults(name):
  method = searches.method(group(name))
  assert isinstance(method, base.MethodConfig)
  fields = {f.name: f for f in dataclasses.fields(searches.METHODS[name])}
  shipped = search_methods.METHODS[name]
  assert shipped.keys() == fields.keys()
  assert next(iter(fields)) == "num_rows"
  for field, value in shipped.items():
    if field != "num_rows":
      assert value == fields[field].default, field


@pytest.mark.parametrize(
  ("method", "changes", "message"),
  [
    ("best_of_n", {"method": "bestofn"}, "search.method: 'bestofn'.*best_of_n"),
    ("best_of_n", {"width": 2}, "search.width: no such field"),
    ("best_of_n", {"num_rows": 0}, "search.num_rows: must be at least 1"),
    ("best_of_n", {"aggregate": "lest"}, "'lest'"),
    ("step_beam", {"width": 0}, "search.width: 0 with 16 rows"),
    ("step_beam", {"width": 3}, "16 is not a multiple of search.width"),
    ("particle", {"resample": "no"}, "search.resample.*'no'"),
    ("particle", {"scheme": "best"}, "'best'"),
    ("particle", {"potential": "odd"}, "'odd'"),
  ],
)
def test_bad_fields(method, changes, message):
  with pytest.raises(errors.UserError, match=message):
    searches.method(group(method, **changes))
