"""Verifiers of several models, by files that say so."""

import json

import numpy as np
import pytest
from scipy import special

from prm_jax import errors
from prm_jax.build import (
  models,
  native,
  ranges,
  readers,
  scorers,
  verifier_files,
)
from prm_jax.data import records
from prm_jax.decode import joint, ratios, scoring
from prm_jax.solvers import step_scores
from prm_jax.text import tokenizer as tokenizer_lib
from tests.models import tiny

TOKENIZER = tokenizer_lib.number_tokenizer(30)
VOCAB = TOKENIZER.vocab_size
GIVEN = records.Problem("p", "game24", "1 2 3 :", "6"), ("1 + 2 = 3", "3 + 3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Verifiers `a`, `b`, `policy`, and `implicit`, which compares with it."""
  root = tmp_path_factory.mktemp("verifiers")
  own = {"value_head": "token", "use_lm_head": False}
  kinds = {
    "a": (1, own, {native.AGGREGATE: "min"}),
    "b": (2, own, {}),
    "policy": (3, {}, {}),
    "implicit": (4, {}, {"reference": str(root / "policy"), "beta": 0.5}),
  }
  for name, (seed, changes, extra) in kinds.items():
    made = tiny.make(seed, vocab_size=VOCAB, num_layers=1, **changes)
    models.save(root / name, models.Loaded(*made, TOKENIZER, extra), root)
  return root


def describe(folder, name, **told):
  path = folder / f"{name}.json"
  path.write_text(json.dumps(told))
  return path


def score(path):
  """[k], with the place before the first step's read by nobody."""
  reader = readers.load(path)
  scorer = step_scores.StepScorer(
    *(reader.reading, reader.params, reader.encode),
    step_scores.ScoringConfig(),
  )
  problem, steps = GIVEN
  return scorer([problem], [steps])[0], reader


def test_ensembles(folder):
  (a, first), (b, _) = score(folder / "a"), score(folder / "b")
  assert first.aggregate == "min"
  both = np.stack([a, b])
  want = {
    "mean": both.mean(0),
    "minimum": both.min(0),
    "disagreement": both.std(0),
    "lower": both.mean(0) - 2 * both.std(0),
  }
  for form, scores in want.items():
    path = describe(
      *(folder, form), kind="ensemble", members=["a", "b"], form=form, width=2.0
    )
    found, reader = score(path)
    np.testing.assert_allclose(found, scores, atol=1e-6)
    assert reader.aggregate == "min"
  nested = describe(
    *(folder, "nested"), kind="ensemble", members=["minimum.json", "b"]
  )
  np.testing.assert_allclose(score(nested)[0], (both.min(0) + b) / 2, atol=1e-6)
  assert isinstance(scorers.scorer(reader.reading), joint.Ensemble)


def test_step_rewards_add_up_to_the_log_ratio(folder):
  q, reader = score(folder / "implicit")
  path = describe(folder, "rewards", kind="step_rewards", model="implicit")
  found, rewards = score(path)
  np.testing.assert_allclose(np.cumsum(found), q, atol=1e-5)
  assert np.abs(q).min() > 1e-3
  assert rewards.aggregate == "min"
  assert isinstance(scorers.scorer(reader.reading), ratios.RatioScorer)


def test_log_odds_as_probabilities(folder):
  q, _ = score(folder / "implicit")
  path = describe(folder, "odds", kind="probabilities", model="implicit")
  found, reader = score(path)
  np.testing.assert_allclose(found, special.expit(q), atol=1e-6)
  assert ranges.is_probability(reader.reading)
  own = scorers.scorer(reader.reading)
  assert isinstance(own, joint.Mapped)
  assert isinstance(own.scorer, ratios.RatioScorer)


def test_progress_under_a_prover(folder):
  a, b = (score(folder / name)[0] for name in "ab")
  path = describe(
    *(folder, "pav"), kind="advantages", base="a", prover="b", alpha=0.5
  )
  found, reader = score(path)
  # The second step's progress is that between two known values.
  assert found[1] == pytest.approx(a[1] + 0.5 * (b[1] - b[0]), abs=1e-6)
  own = scorers.scorer(reader.reading)
  assert isinstance(own, joint.Advantages)
  assert isinstance(own.prover, scoring.ModelScorer)


@pytest.mark.parametrize(
  ("told", "message"),
  [
    ({"kind": "mean"}, "kind: 'mean' is not one of"),
    ({"members": ["a"]}, "kind: missing"),
    ({"kind": "ensemble"}, "members: missing"),
    ({"kind": "ensemble", "members": []}, "members: expected a list"),
    ({"kind": "ensemble", "members": ["x"], "form": "best"}, "form: 'best'"),
    ({"kind": "probabilities", "model": "a"}, "model: a: has no log-ratios"),
    ({"kind": "ensemble", "members": ["wrong.json"]}, "names itself"),
    ({"kind": "ensemble", "members": ["policy"]}, "no value head"),
    ({"kind": "advantages", "base": "a", "prover": "implicit"}, "prover: impl"),
    ({"kind": "sdm", "model": "a", "bank": "no.npz"}, "bank: "),
  ],
)
def test_mistakes(told, message, folder):
  path = describe(folder, "wrong", **told)
  with pytest.raises(errors.UserError, match=message) as error:
    verifier_files.load(path, "--verifier")
  assert str(path) in str(error.value)
