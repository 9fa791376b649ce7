"""Methods by name, and the shipped fields of each."""

import dataclasses

import ml_collections
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.build import searches
from prm_jax.build.methods import base
from prm_jax.configs import search_methods
from prm_jax.tasks import game24


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


def test_steps_end_at_the_tokenizers_own_token():
  task = game24.Game24()
  tokenizer = task.tokenizer()
  own = searches.step_format(task, tokenizer)
  np.testing.assert_array_equal(
    np.flatnonzero(own.automaton.hit), [tokenizer.step_id]
  )
  assert own.eos_id == tokenizer.eos_id
  assert own.max_step_tokens == task.max_step_tokens
  assert own.barrier == 1
  assert own.stop is None


def test_steps_end_at_strings_of_the_config():
  task = game24.Game24()
  tokenizer = task.tokenizer()
  config = searches.step_config(
    ml_collections.ConfigDict(
      {"delimiters": [" ;", "= 4"], "stop": ["24"], "max_step_tokens": 5}
    )
  )
  size = tokenizer.vocab_size + 3
  found = searches.step_format(task, tokenizer, config, vocab_size=size)
  assert found.automaton.hit.shape[1] == found.stop.hit.shape[1] == size
  assert found.automaton.hit[0, tokenizer.step_id]
  (equals,) = tokenizer.encode("=")
  (four,) = tokenizer.encode("4")
  after = found.automaton.next_state[0, equals]
  assert found.automaton.hit[after, four]
  assert not found.automaton.hit[0, four]
  assert found.stop.hit[0, tokenizer.encode("24")[0]]
  assert found.max_step_tokens == 5
  with pytest.raises(errors.UserError, match=r"steps\.stop: must be a list"):
    searches.step_config(ml_collections.ConfigDict({"stop": "24"}))
  with pytest.raises(errors.UserError, match=r"steps\.max_step_tokens"):
    searches.StepConfig(max_step_tokens=-1)
