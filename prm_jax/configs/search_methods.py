"""The fields of every search method, with their defaults."""

import copy
from typing import Any

METHODS: dict[str, dict[str, Any]] = {
  "best_of_n": {"num_rows": 16, "aggregate": "last"},
  "step_beam": {"num_rows": 16, "width": 4, "aggregate": "last"},
  "particle": {
    "num_rows": 16,
    "potential": "odds",
    "tau": 1.0,
    "beta": 1.0,
    "resample": "ess",
    "ess_threshold": 0.5,
    "scheme": "systematic",
    "target": "sampler",
    "root_score": 1.0,
    "choose": "argmax",
    "aggregate": "last",
  },
}


def get(method: str) -> dict[str, Any]:
  """A config group of the method; KeyError where there is none."""
  return {"method": method, **copy.deepcopy(METHODS[method])}
