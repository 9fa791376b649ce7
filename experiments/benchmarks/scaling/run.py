"""How the cost of a search grows: with solution length, rows, simulations.

  python experiments/benchmarks/scaling/run.py --out results.json

Random weights (they change what is found, not what it costs), the verifier a
model of the policy's size; nothing but the limit of tokens ends a step or a
solution. Programs of a table take turns, several rounds of them; seconds are
the median, the interval their range. "again" is a verifier that keeps no cache
and reads every solution from its beginning at every step.
"""

import argparse
import dataclasses
import statistics
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import rich

from prm_jax.build.methods import base as methods
from prm_jax.build.methods import particles, trees
from prm_jax.decode import sampling, scoring, step
from prm_jax.eval import flops
from prm_jax.models import config as config_lib
from prm_jax.models import lm
from prm_jax.reports import results
from prm_jax.solvers import solver
from prm_jax.tasks import game24
from prm_jax.text import delimiters

STEP_TOKENS, PROMPT_SLOTS, PAGE = 16, 8, 16


@dataclasses.dataclass(frozen=True)
class Again:
  """The same verifier without memory between steps."""

  reader: scoring.ModelScorer

  def start(self, params, prompts, prompt_length, num_rows, max_tokens):
    prompt, _ = self.reader.start(
      params, prompts, prompt_length, num_rows, max_tokens
    )
    return (prompt, jnp.zeros((0, max_tokens))), ()

  def score(self, params, step, prompt, rows):
    shared, slots = prompt
    blank = self.reader.layout.empty_rows(
      self.reader.verifier.config.transformer,
      *step.length.shape,
      slots.shape[1],
    )
    whole = step._replace(start=jnp.zeros_like(step.start))
    score, read, _ = self.reader.score(params, whole, shared, blank)
    return score, read, rows


@dataclasses.dataclass(frozen=True)
class Case:
  """A search of `batch` problems by `method` with so many steps."""

  name: str
  method: methods.MethodConfig
  steps: int
  batch: int = 1
  scorer: str = "incremental"
  pages: int = 0  # of a problem; 0: rows lie by themselves


class Bench:
  """The two models."""

  def __init__(self, width: int, layers: int):
    self._tokenizer = game24.Game24().tokenizer()
    trunk = config_lib.TransformerConfig(
      self._tokenizer.vocab_size, num_layers=layers, embed_dim=width,
      num_heads=width // 32, num_kv_heads=max(width // 64, 1), head_dim=32,
      mlp_dim=4 * width,
    )  # fmt: skip
    self._policy = lm.Model(config_lib.ModelConfig(trunk))
    self._verifier = lm.Model(
      config_lib.ModelConfig(trunk, use_lm_head=False, value_head="scalar")
    )
    one = jnp.ones((1, 1), jnp.int32)
    self._params = {
      name: nn.unbox(jax.jit(model.init)(jax.random.key(0), one, one, one))
      for name, model in (
        ("policy", self._policy),
        ("verifier", self._verifier),
      )
    }

  def compiled(self, case: Case) -> solver.Solver:
    never = delimiters.single_tokens([], self._tokenizer.vocab_size)
    config = solver.SolverConfig(
      case.batch,
      PROMPT_SLOTS,
      case.steps * STEP_TOKENS,
      cache="paged" if case.pages else "contiguous",
      page_tokens=PAGE,
      pages=case.pages,
    )
    judge = scoring.ModelScorer(
      self._verifier, STEP_TOKENS, layout=config.layout
    )
    steps = step.StepFactory(
      self._policy,
      Again(judge) if case.scorer == "again" else judge,
      sampling.SamplerConfig(),
      step.StepFormat(never, -1, STEP_TOKENS),
    )
    return solver.Solver(
      self._params,
      self._tokenizer,
      steps=steps,
      search_fn=case.method.bind(case.steps, steps),
      num_rows=case.method.num_rows,
      config=config,
    )

  def operations(self, solved: solver.Solved) -> float:
    """Of a problem, on average."""
    prompt_length = np.full(len(solved.problems), PROMPT_SLOTS)
    counted = flops.of_search(
      solved.cost, prompt_length, solved.length,
      self._policy.config, self._verifier.config,
    )  # fmt: skip
    return float(np.mean(counted.total))


def measure(
  bench: Bench, cases: Mapping[str, Case], rounds: int
) -> list[results.Row]:
  """A row per case, all of them taking turns."""
  problems = list(game24.Game24().problems("train"))
  own = {name: bench.compiled(case) for name, case in cases.items()}
  seconds: dict[str, list[float]] = {name: [] for name in own}
  last: dict[str, solver.Solved] = {}
  for turn in range(rounds + 1):  # the first one warms up
    for name, mine in own.items():
      last[name] = mine.solve(problems[: cases[name].batch])
      if turn:
        seconds[name].append(last[name].wall_s)
  return [
    _row(name, cases[name], own[name], last[name], seconds[name], bench)
    for name in own
  ]


def _row(
  name: str,
  case: Case,
  own: solver.Solver,
  solved: solver.Solved,
  seconds: list[float],
  bench: Bench,
) -> results.Row:
  memory: Any = own.program.memory_analysis()
  per_problem = lambda counter: float(np.mean(counter))
  cost = {
    "steps": case.steps,
    "rows": case.method.num_rows,
    "policy_tokens": per_problem(solved.cost.policy_tokens),
    "verifier_tokens": per_problem(solved.cost.verifier_tokens),
    "gflop": bench.operations(solved) / 1e9,
    "temp_mb": memory.temp_size_in_bytes / 1e6,
    "tokens_per_s": per_problem(solved.cost.policy_tokens)
    * case.batch
    / statistics.median(seconds),
  }
  row = results.Row(
    name, "seconds", statistics.median(seconds),
    ci_low=min(seconds), ci_high=max(seconds), n=len(seconds), cost=cost,
  )  # fmt: skip
  rich.print(
    f"{name}: {row.value:.2f} s ({row.ci_low:.2f} to {row.ci_high:.2f}), "
    + ", ".join(f"{key} {value:,.1f}" for key, value in cost.items())
  )
  return row


def lengths(rows: int) -> dict[str, Case]:
  """Solution length, by both verifiers."""
  method = particles.ParticleFilter(rows, resample="always")
  return {
    f"length {steps} steps, {scorer}": Case("length", method, steps, 1, scorer)
    for steps in (4, 8, 16, 32)
    for scorer in ("incremental", "again")
  }


def widths() -> dict[str, Case]:
  """Rows of a problem."""
  return {
    f"rows {rows}": Case(
      "rows", particles.ParticleFilter(rows, resample="always"), 8
    )
    for rows in (4, 16, 64, 256)
  }


def simulations(children: int = 4, steps: int = 8) -> dict[str, Case]:
  """Simulations of a tree search, nodes in pages and copied whole."""
  found = {}
  for number in (4, 16, 64):
    # A page for every step that is written, by nodes and by the solutions.
    pages = (number + steps + 2) * children
    for layout, own in (("pages", pages), ("copies", 0)):
      method = trees.MCTS(children, num_simulations=number, distinct=False)
      found[f"simulations {number}, {layout}"] = Case(
        "simulations", method, steps, 1, "incremental", own
      )
  return found


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--out", required=True)
  parser.add_argument("--tables", default="lengths,widths,simulations")
  parser.add_argument("--width", type=int, default=128)
  parser.add_argument("--layers", type=int, default=4)
  parser.add_argument("--rows", type=int, default=16)
  parser.add_argument("--rounds", type=int, default=3)
  args = parser.parse_args()
  bench = Bench(args.width, args.layers)
  tables = {
    "lengths": lambda: lengths(args.rows),
    "widths": widths,
    "simulations": simulations,
  }
  rows = []
  for name in args.tables.split(","):
    rows += measure(bench, tables[name](), args.rounds)
  options = {k: v for k, v in vars(args).items() if k != "out"}
  results.write(args.out, "benchmark scaling", options, rows)


if __name__ == "__main__":
  main()
