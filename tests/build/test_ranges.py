"""Methods that weigh probabilities, and scores that are none."""

import ml_collections
import pytest

from prm_jax.build import ranges, searches
from prm_jax.configs import search_methods
from prm_jax.models import combined, lm, reads
from tests.models import tiny

MODEL = lm.Model(tiny.config(value_head="scalar"))
VALUES = reads.Values(MODEL)
SUMS = reads.LogRatios(MODEL, MODEL, 0.1)


def bound(method, **changes):
  group = search_methods.get(method) | changes
  return searches.method(ml_collections.ConfigDict(group))


@pytest.mark.parametrize(
  ("method", "changes", "field"),
  [
    ("particle", {}, "search.potential"),
    ("particle", {"potential": "exponential"}, ""),
    ("entropic", {"potential": "difference"}, "search.potential"),
    ("fk_steering", {"potential": "difference"}, ""),  # of exponentials
    ("twisted_smc", {}, "search.method"),
    ("svdd", {"value": "logit"}, "search.value"),
    ("svdd", {"value": "score"}, ""),
    ("reward_guided", {"weight": "score"}, "search.weight"),
    ("rap", {}, "search.alpha"),
    ("rap", {"alpha": 0.0}, ""),  # the score has no say
    ("rest_mcts", {}, "search.gate"),
    ("rest_mcts", {"gate": None}, ""),
    ("best_first", {"perspectives": ("score", "progress")}, ""),
    (
      "best_first",
      {"perspectives": ("score", "swe_search")},
      "search.perspectives",
    ),
    ("step_beam", {"judge": "corrected"}, "search.judge"),
    ("step_beam", {}, ""),
    ("best_of_n", {"aggregate": "mean_logit"}, "search.aggregate"),
    ("best_of_n", {"aggregate": "mean"}, ""),
  ],
)
def test_fields_that_ask_for_probabilities(method, changes, field):
  assert ranges.wanted_by(bound(method, **changes)) == field


def test_readings():
  raw = lm.Model(tiny.config(value_head="scalar", value_link="tanh"))
  assert ranges.is_probability(VALUES)
  assert not ranges.is_probability(reads.Values(raw))
  assert not ranges.is_probability(SUMS)
  assert not ranges.is_probability(combined.Differences(VALUES))
  assert not ranges.is_probability(combined.Advantages(VALUES, VALUES, 0.5))
  pool = combined.Pool()
  assert ranges.is_probability(combined.Ensemble((VALUES, VALUES), pool))
  assert not ranges.is_probability(combined.Ensemble((VALUES, SUMS), pool))
  for form, is_one in (("minimum", True), ("lower", False)):
    pool = combined.Pool(form)
    pair = combined.Ensemble((VALUES, VALUES), pool)
    assert ranges.is_probability(pair) == is_one
