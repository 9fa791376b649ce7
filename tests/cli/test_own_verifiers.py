"""Verifiers of several models guide a search; nothing is compiled here."""

import json

import pytest

from prm_jax import errors
from prm_jax.build import models, native, scorers, searches
from prm_jax.cli import search, solving, verifying
from prm_jax.configs import game24_search
from prm_jax.decode import joint, ratios, scoring
from prm_jax.models import combined, paged
from prm_jax.tasks import game24
from prm_jax.text import tokenizer as tokenizer_lib
from tests.models import tiny

TASK = game24.Game24()
VALUE = {"value_head": "scalar", "use_lm_head": False}


def save(folder, name, extra, tokenizer=None, **changes):
  own = tokenizer or TASK.tokenizer()
  made = tiny.make(vocab_size=own.vocab_size, num_layers=1, **changes)
  loaded = models.Loaded(*made, own, extra)
  models.save(folder / name / "model", loaded, folder)
  return loaded


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  root = tmp_path_factory.mktemp("own")
  save(root, "policy", {})
  calibration = {"temperature": 2.0, "knots": [[0.1, 0.2], [0.9, 0.8]]}
  save(root, "value", {native.CALIBRATION: calibration}, **VALUE)
  save(root, "orm", {"objective": "orm"}, **VALUE)
  save(root, "said", {native.JUDGEMENT: {"right": "1", "wrong": "2"}})
  reference = {"reference": str(root / "policy" / "model"), "beta": 0.1}
  save(root, "implicit", reference)
  save(root, "other", {}, tokenizer_lib.number_tokenizer(900), **VALUE)
  members = ["value/model", "implicit/model"]
  told = {"kind": "ensemble", "members": members, "form": "minimum"}
  (root / "verifier.json").write_text(json.dumps(told))
  return root


def load(folder, name):
  policy = models.load(folder / "policy" / "model", "policy")
  place = str(folder / name)
  return verifying.load(place, TASK, policy, [], "value")


def test_each_is_read_as_it_was_trained(folder, capsys):
  value = load(folder, "value/model")
  assert value.name == "value"
  knots = ((0.1, 0.2), (0.9, 0.8))
  assert isinstance(value.scorer, joint.Mapped)
  assert value.scorer.score_map == combined.ScoreMap(2.0, knots)
  said = load(folder, "said/model").scorer
  one, two = (TASK.tokenizer().encode(x)[0] for x in "12")
  assert isinstance(said, scoring.ModelScorer)
  assert said.head_fn == combined.VerdictHead(one, two)
  implicit = load(folder, "implicit/model")
  assert isinstance(implicit.scorer, ratios.RatioScorer)
  assert implicit.scorer.beta == 0.1
  assert {*implicit.params} == {"model", "reference"}
  assert capsys.readouterr().out == ""


def test_a_file_or_its_folder(folder):
  for name in ("verifier.json", "."):
    found = load(folder, name)
    assert isinstance(found.scorer, joint.Ensemble)
    assert found.scorer.pool == combined.Pool("minimum")
    assert {*found.params} == {"0", "1"}
  pages = paged.Paged(4)
  value, implicit = scorers.laid_out(found.scorer, pages).members
  assert value.scorer.layout == implicit.layout == pages


def test_what_is_untrained_is_told(folder, capsys):
  load(folder, "orm/model")
  assert "before the last step mean nothing" in capsys.readouterr().out


def test_another_vocabulary_is_refused(folder):
  with pytest.raises(errors.UserError, match="vocabulary"):
    load(folder, "other/model")
  members = ["value/model", "other/model"]
  told = {"kind": "ensemble", "members": members}
  (folder / "mixed.json").write_text(json.dumps(told))
  with pytest.raises(errors.UserError, match="other/model: its vocabulary"):
    load(folder, "mixed.json")


@pytest.mark.parametrize("name", ["implicit/model", verifying.CERTAINTY])
def test_no_particles_by_scores_that_are_no_probabilities(folder, name):
  policy = models.load(folder / "policy" / "model", "policy")
  config = game24_search.get_config("particle")
  own = name if name == verifying.CERTAINTY else str(folder / name)
  with pytest.raises(errors.UserError, match=r"^search\.potential: "):
    solving.make_solver(
      TASK,
      policy,
      verifying.load(own, TASK, policy, [], "value"),
      search=searches.method(config.search),
      sampler=config.sampler,
      sizes=config.solver,
      seed=0,
    )


@pytest.mark.parametrize(
  ("name", "aggregate"), [("implicit", "last"), ("value", "mean_logit")]
)
def test_no_weighted_vote_by_scores_below_0(name, aggregate, folder):
  config = game24_search.get_config("best_of_n")
  method = searches.method(config.search)
  config.vote.rule = "weighted"
  own = load(folder, f"{name}/model")
  if name == "value":
    assert search.vote_rule(config.vote, method, own) is not None
  method = searches.method(config.search, aggregate=aggregate)
  with pytest.raises(errors.UserError, match="'weighted' adds scores up"):
    search.vote_rule(config.vote, method, own)
  config.vote.rule = "borda"
  assert search.vote_rule(config.vote, method, own) is not None
