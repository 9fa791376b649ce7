"""Configs to models, warm starts, and models on disk."""

import json

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from prm_jax import errors, metrics
from prm_jax.build import beginnings, models
from prm_jax.models import lm
from prm_jax.text import tokenizer as tokenizer_lib
from prm_jax.train import loop, optim
from tests.models import tiny


@pytest.fixture(scope="module")
def loaded():
  tokenizer = tokenizer_lib.number_tokenizer(9)
  model, params = tiny.make(
    vocab_size=tokenizer.vocab_size, num_layers=1, value_head="token"
  )
  return models.Loaded(model, params, tokenizer, {"step": 7})


@pytest.fixture
def saved(loaded, tmp_path):
  models.save(tmp_path / "model", loaded, tmp_path / "scratch")
  return tmp_path / "model"


def paths(tree):
  leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
  return {jax.tree_util.keystr(path): leaf for path, leaf in leaves}


def test_flat_group_becomes_trunk_and_heads():
  group = ml_collections.ConfigDict(
    {"num_layers": 2, "value_head": "scalar", "use_lm_head": False}
  )
  config = models.model_config(group, 50)
  assert config.transformer.vocab_size == 50
  assert config.transformer.num_layers == 2
  assert (config.value_head, config.use_lm_head) == ("scalar", False)
  group.num_layer = 2
  with pytest.raises(errors.UserError, match=r"model\.num_layer: no such"):
    models.model_config(group, 50)


def test_task_of_a_group():
  group = ml_collections.ConfigDict({"name": "game24", "num_solutions": 3})
  assert models.task(group).config.num_solutions == 3
  group.sizes = 1
  with pytest.raises(errors.UserError, match=r"task\.sizes: no such field"):
    models.task(group)


def test_what_was_saved_is_loaded(loaded, saved, tmp_path):
  back = models.load(saved, "policy")
  assert back.model.config == loaded.model.config
  assert back.extra == {"step": 7}
  assert back.tokenizer.backend.get_vocab() == (
    loaded.tokenizer.backend.get_vocab()
  )
  want, got = paths(loaded.params), paths(back.params)
  assert want.keys() == got.keys()
  for path, leaf in want.items():
    np.testing.assert_array_equal(got[path], leaf)
  assert list((tmp_path / "scratch").iterdir()) == []


def test_a_beginning_takes_what_is_given_and_keeps_new_heads(loaded):
  config = tiny.config(
    vocab_size=loaded.tokenizer.vocab_size,
    num_layers=1,
    value_head="scalar",
    tie_embeddings=False,
  )
  model = lm.Model(config)
  trunk = {"params": {"trunk": loaded.params["params"]["trunk"]}}
  run = loop.setup(
    models.init_fn(model),
    lambda params, batch: (metrics.Mean(jnp.zeros(()), jnp.ones(())), {}),
    optim_config=optim.OptimConfig(ema_decay=0.9),
    rng_key=jax.random.key(0),
  )
  state = beginnings.begin_from(run, trunk).init_state()
  got = paths(state.params)
  for path, leaf in paths(state.ema).items():
    np.testing.assert_array_equal(leaf, got[path])
  fresh = paths(run.init_state().params)
  given = paths(trunk)
  assert got.keys() == fresh.keys()
  for path, leaf in got.items():
    np.testing.assert_array_equal(leaf, given.get(path, fresh[path]))
  assert {p for p in got if p not in given} == {
    "['params']['lm_head']['kernel']",
    "['params']['value_head']['Dense_0']['bias']",
    "['params']['value_head']['Dense_0']['kernel']",
  }


def edit(folder, change):
  path = folder / "model.json"
  found = json.loads(path.read_text())
  change(found["model"])
  path.write_text(json.dumps(found))


def test_no_model_there_is_told(tmp_path):
  with pytest.raises(errors.UserError, match=rf"^policy: .*{tmp_path.name}"):
    models.load(tmp_path / "absent", "policy")


@pytest.mark.parametrize(
  ("change", "told"),
  [
    (
      lambda m: m["transformer"].update(mlp_dim=25),
      r"policy: .*another model: params/trunk/.* is \(.*\) there, \(.*\) here",
    ),
    (
      lambda m: m["transformer"].update(tie_embeddings=False),
      "params/lm_head/kernel is absent there",
    ),
    (lambda m: m.update(value_head="none"), "value_head/.* absent here"),
    (
      lambda m: m["transformer"].update(window=4),
      r"policy: model\.window: no such field",
    ),
    (lambda m: m.pop("transformer"), "policy: .*transformer"),
  ],
)
def test_description_of_another_model_is_told(saved, change, told):
  edit(saved, change)
  with pytest.raises(errors.UserError, match=told):
    models.load(saved, "policy")


def test_tokenizer_of_another_vocabulary_is_told(saved):
  tokenizer_lib.number_tokenizer(12).save(saved)
  with pytest.raises(errors.UserError, match=r"policy: .* has \d+ tokens, the"):
    models.load(saved, "policy")
