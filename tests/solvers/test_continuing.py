"""Continuations against a loop of whole forwards."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.decode import sampling
from prm_jax.models import lm
from prm_jax.solvers import continuing
from tests.models import tiny
from tests.solvers import critic_folder

LIMIT, STOP = 12, "e"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
  path = tmp_path_factory.mktemp("critic")
  critic_folder.write(path)
  return critic_folder.load(path)


@pytest.fixture(scope="module")
def make(loaded):
  model, params, tokenizer, eos_ids = loaded

  def continuer(temperature, num_rows, seed=0):
    return continuing.Continuer(
      model,
      continuing.unstacked(params),
      tokenizer,
      eos_ids,
      stops=[STOP],
      sampler=sampling.SamplerConfig(temperature),
      num_rows=num_rows,
      max_tokens=LIMIT,
      batch_size=3,
      seed=seed,
    )

  return continuer


@pytest.fixture(scope="module")
def texts(loaded):
  rng = np.random.default_rng(0)
  tokens = [rng.integers(1, 250, n).tolist() for n in (5, 40, 64, 20, 9)]
  return [continuing.Text(f"t{i}", own) for i, own in enumerate(tokens)]


@pytest.fixture(scope="module")
def greedily(loaded):
  """The likeliest continuation, by a forward of the whole text per token."""
  model, params, tokenizer, eos_ids = loaded
  run = tiny.jit(
    lambda p, x: jnp.argmax(lm.forward(model, p, *tiny.whole(x)).logits[0], -1)
  )

  def go_on(tokens):
    found = []
    while len(found) < LIMIT:
      text = np.zeros((1, 80), np.int32)
      whole = [*tokens, *found]
      text[0, : len(whole)] = whole
      token = int(run(params, text)[len(whole) - 1])
      if token in eos_ids:
        return continuing.Written(tuple(found), "eos")
      found.append(token)
      if STOP in tokenizer.decode([token]):
        return continuing.Written(tuple(found), "stop")
    return continuing.Written(tuple(found), "limit")

  return go_on


def test_cold_continuations_are_the_likeliest_tokens(make, texts, greedily):
  found = make(0.0, 1)(texts)
  want = [greedily(text.tokens) for text in texts]
  assert [own for (own,) in found] == want
  assert len({own.end for own in want}) > 1


def test_warm_ones_depend_on_name_and_row_alone(make, texts):
  continuer = make(1.0, 2)
  found = continuer(texts)
  assert all(one != two for one, two in found)
  assert continuer(texts[3:] + texts[:1]) == found[3:] + found[:1]
  renamed = continuer([texts[0]._replace(name="other")])
  assert renamed[0] != found[0]


def test_slots_grow_by_halves():
  assert [continuing.slots(n) for n in (1, 64, 65, 97, 129, 193)] == [
    64, 64, 96, 128, 192, 256,
  ]  # fmt: skip


def test_parameters_are_shared(loaded):
  once = continuing.unstacked(loaded[1])
  assert (
    jax.tree.leaves(continuing.unstacked(once))[0] is (jax.tree.leaves(once)[0])
  )
