"""The fields of every search method, with their defaults."""

import copy
from typing import Any

METHODS: dict[str, dict[str, Any]] = {
  "best_of_n": {"num_rows": 16, "aggregate": "last"},
  "step_beam": {
    "num_rows": 16,
    "width": 4,
    "aggregate": "last",
    "lookahead": 0,
    "finished": "compete",
    "distinct": False,
  },
  "token_beam": {
    "num_rows": 16,
    "width": 4,
    "aggregate": "last",
    "rank": "verifier",
    "distinct": True,
  },
  "sbs": {"num_rows": 5, "width": 1, "aggregate": "last", "distinct": True},
  "early_rejection": {
    "num_rows": 16,
    "width": 4,
    "aggregate": "last",
    "tau": 64,
    "rank": "whole",
  },
  "dvts": {"num_rows": 16, "branch": 4, "lookahead": 0, "aggregate": "last"},
  "rebase": {"num_rows": 16, "tau": 0.2, "aggregate": "last"},
  "svdd": {
    "num_rows": 20,
    "branch": 10,
    "alpha": 0.05,
    "value": "score",
    "resample": "never",
    "scheme": "multinomial",
    "aggregate": "last",
  },
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
