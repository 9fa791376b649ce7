"""Benchmarks by name, from the group of a config."""

from collections.abc import Mapping
from typing import Any, cast

from prm_jax import errors
from prm_jax.build import fields
from prm_jax.eval.benchmarks import (
  algorithms,
  base,
  best_of_n,
  bias,
  contrast,
  critics,
  first_errors,
  labelled,
  policies,
  prm_bench,
  ranked,
  thresholding,
)

BENCHMARKS: Mapping[str, type] = {
  "processbench": first_errors.Scored,
  "critic": critics.Critic,
  "prm_at_n": best_of_n.BestOfN,
  "rewardmath": ranked.RewardMath,
  "rewardbench": ranked.RewardBench,
  "prmbench": prm_bench.PrmBench,
  "trajectories": labelled.Trajectories,
  "calibration": labelled.Calibration,
  "bias": bias.Bias,
  "consistency": contrast.Consistency,
  "procbench": policies.ProcBench,
  "dia": policies.Dia,
  "perturbation": policies.Perturbation,
  "runs": algorithms.Runs,
}


def get(name: str) -> type:
  """The benchmark's class.

  Raises:
    errors.UserError: no such benchmark.
  """
  if name not in BENCHMARKS:
    raise errors.UserError(
      f"--benchmark: {name!r} is not one of {', '.join(BENCHMARKS)}"
    )
  return BENCHMARKS[name]


def make(name: str, protocol: Mapping[str, Any]) -> base.Benchmark:
  """The benchmark with the options of the config's group `protocol`.

  Raises:
    errors.UserError: no such benchmark, or names a field.
  """
  own = dict(protocol)
  if isinstance(own.get("threshold"), Mapping):
    own["threshold"] = fields.dataclass(
      thresholding.Config, own["threshold"], "protocol.threshold"
    )
  found: Any = fields.dataclass(get(name), own, "protocol")
  return cast(base.Benchmark, found)
