"""Rows as a run of all methods writes them."""

from prm_jax.reports import results


def row(name, value, tokens=800.0, verifier=0.0, **changes):
  """An accuracy with its interval and cost."""
  fields = {
    "metric": "accuracy",
    "ci_low": max(0.0, value - 0.05),
    "ci_high": min(1.0, value + 0.06),
    "n": 200,
    "wall_s": 3.25,
    "cost": {
      "policy_tokens": tokens,
      "verifier_tokens": verifier,
      "slots": 1.25 * tokens,
    },
  }
  return results.Row(name=name, value=value, **(fields | changes))


ROWS = (
  results.Row("quickstart", "wall_s", 431.26),
  row("greedy", 0.06, tokens=52.0),
  row("pass@1", 0.055),
  row("best_of_n/tvm", 0.19, verifier=790.0),
  row("best_of_n/oracle", 0.56),
  row("best_of_n/orm", 0.14, verifier=1234.0),
  row("particle/tvm", 0.33, verifier=810.0),
  row("pass@16", 0.57),
)
