"""What the configs of all benchmarks share."""

from typing import Any

import ml_collections


def base(benchmark: str, **protocol: Any) -> ml_collections.ConfigDict:
  """A benchmark of policies: nothing is scored.

  Args:
    benchmark: its name.
    **protocol: its options.
  """
  c = ml_collections.ConfigDict()
  c.benchmark = benchmark
  c.title = f"prm_jax: {benchmark}"
  c.input = ""
  c.format = ""  # of the model; "": config.json tells
  c.model = ""
  c.scores = ""
  c.protocol = protocol
  c.bootstrap = {"seed": 0, "num_resamples": 10_000}
  return c


def scored(benchmark: str, **protocol: Any) -> ml_collections.ConfigDict:
  """A benchmark of verifiers."""
  c = base(benchmark, **protocol)
  c.scoring = {
    "joining": "",  # "string" or "tokens"; "": as the format's authors do
    "dtype": "",
    "max_tokens": 0,  # 0: what the format and config.json say
    "overlong": "stop",  # or "left"
    "batch_tokens": 0,  # of one forward; 0: as the device wants it
  }
  return c
