import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.build import fields, votes

ANSWERS = np.array([[0, 0, 0, 0, 1, -1], [0, 1, -1, 1, 2, -1]], np.int32)
SCORES = np.array(
  [[0.1, 0.1, 0.1, 0.1, 0.7, 0.9], [0.5, 0.1, 0.8, 0.2, 0.4, 0.7]], np.float32
)


def make(**values):
  config = ml_collections.ConfigDict(values)
  return fields.dataclass(votes.Vote, config.to_dict(), "vote")


@pytest.mark.parametrize(
  ("values", "chosen"),
  [
    ({"rule": "naive"}, [4, 0]),
    ({"rule": "naive", "missing": "group"}, [5, 2]),
    ({"rule": "majority"}, [0, 1]),
    ({"rule": "weighted"}, [4, 0]),
    ({}, [4, 0]),
    ({"rule": "weighted", "missing": "group"}, [5, 2]),
    # 6 votes fall with the rank: four of 4..1 to one of 5; 4 to 1 + 2 to 3.
    ({"rule": "borda", "power": 1.0}, [0, 0]),
    ({"rule": "borda", "power": 0.0}, [0, 1]),
    ({"rule": "borda", "power": 20.0}, [4, 0]),
    ({"rule": "adaptive"}, [0, 1]),
    ({"rule": "adaptive", "threshold": 0.7}, [0, 0]),
  ],
)
def test_rules_by_hand(values, chosen):
  rule = make(**values).bind()
  found = rule(jnp.asarray(ANSWERS), jnp.asarray(SCORES))
  np.testing.assert_array_equal(found, chosen)


@pytest.mark.parametrize(
  ("values", "told"),
  [
    ({"rule": "median"}, "vote.rule: 'median' is not one of"),
    ({"missing": "drop"}, "vote.missing: 'drop'"),
    ({"power": -1.0}, "vote.power: must be at least 0"),
    ({"threshold": 0.5}, "vote.threshold: must be above"),
    ({"threshold": float("nan")}, "vote.threshold"),
    ({"weight": 1}, "vote.weight: no such field"),
  ],
)
def test_mistakes(values, told):
  with pytest.raises(errors.UserError, match=told):
    make(**values)
