"""Token rate and memory of caches whose rows lie by themselves or in pages.

  python experiments/benchmarks/cache/run.py --out results.json

Fresh weights: they change what is found, not what it costs; steps end at their
token limit. The layouts take turns, several rounds of them, so that all see
the same machine; the rate is the median, the interval the range.
"""

import argparse
import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import rich

from prm_jax import errors
from prm_jax.build import searches
from prm_jax.build.methods import base as methods
from prm_jax.build.methods import particles
from prm_jax.build.methods import sampling as sampling_lib
from prm_jax.decode import sampling, scoring, step
from prm_jax.models import cache, lm, paged
from prm_jax.models import config as config_lib
from prm_jax.reports import results
from prm_jax.solvers import solver
from prm_jax.tasks import game24

LAYOUTS: dict[str, dict[str, Any]] = {
  "contiguous": {},
  "pages of 16": {"cache": "paged", "page_tokens": 16},
  "pages of 8": {"cache": "paged", "page_tokens": 8},
  "pages of 16, a half": {"cache": "paged", "page_tokens": 16},
}
METHODS: dict[str, methods.MethodConfig] = {
  "sample": sampling_lib.BestOfN(16),
  "particle": particles.ParticleFilter(16, resample="always"),
  "particle/ess": particles.ParticleFilter(16, resample="ess"),
}


@dataclasses.dataclass(frozen=True)
class Size:
  """Problems of a batch, slots of a row, tokens of a step."""

  batch: int
  slots: int
  step: int

  @property
  def max_steps(self) -> int:
    return self.slots // self.step


SIZES = {"short": Size(32, 44, 18), "long": Size(4, 256, 32)}


def make(size: Size, method: str, layout: str) -> solver.Solver:
  task = game24.Game24()
  tokenizer = task.tokenizer()
  trunk = config_lib.TransformerConfig(tokenizer.vocab_size)
  model = lm.Model(config_lib.ModelConfig(trunk, value_head="token"))
  one = jnp.ones((1, 1), jnp.int32)
  params = nn.unbox(jax.jit(model.init)(jax.random.key(0), one, one, one))
  search = METHODS[method]
  sizes = dict(LAYOUTS[layout])
  if layout.endswith("a half"):
    sizes["pages"] = search.num_rows * -(-size.slots // 16) // 2
  ends = searches.StepConfig(max_step_tokens=size.step)
  steps = step.StepFactory(
    model,
    scoring.TrunkScorer(model),
    sampling.SamplerConfig(),
    searches.step_format(task, tokenizer, ends),
  )
  return solver.Solver(
    {"policy": params, "verifier": None},
    tokenizer,
    steps=steps,
    search_fn=search.bind(size.max_steps, steps),
    num_rows=search.num_rows,
    config=solver.SolverConfig(size.batch, 8, size.slots, **sizes),
  )


def measure(
  name: str, size: Size, method: str, rounds: int
) -> list[results.Row]:
  problems = list(game24.Game24().problems("train"))[: size.batch]
  own = {layout: make(size, method, layout) for layout in LAYOUTS}
  rates: dict[str, list[float]] = {layout: [] for layout in LAYOUTS}
  tokens = {}
  for turn in range(rounds + 1):  # the first one warms up
    for layout in list(own):
      try:
        solved = own[layout].solve(problems)
      except errors.UserError as error:
        rich.print(f"{name} {method} {layout}: {error}")
        del own[layout]
        continue
      tokens[layout] = solved.tokens
      rate = solved.cost.policy_tokens.sum() / solved.wall_s
      if turn:
        rates[layout].append(float(rate))
  rows = []
  for layout, mine in own.items():
    memory = mine.program.memory_analysis()
    same = np.mean(tokens[layout] == tokens["contiguous"])
    cost = {
      "temp_mb": memory.temp_size_in_bytes / 1e6,
      "compile_s": mine.compile_s,
      "same_tokens": float(same),
    }
    rows.append(
      results.Row(
        f"{name} {method} {layout}",
        "tokens_per_s",
        float(np.median(rates[layout])),
        ci_low=min(rates[layout]),
        ci_high=max(rates[layout]),
        n=len(rates[layout]),
        cost=cost,
      )
    )
    row = rows[-1]
    rich.print(
      f"{row.name}: {row.value:,.0f} tokens/s ({row.ci_low:,.0f} to "
      f"{row.ci_high:,.0f}), temporaries {cost['temp_mb']:.1f} MB, "
      f"{100 * same:.2f} % same tokens"
    )
  return rows


def stores(size: Size, num_nodes: int = 65, num_rows: int = 16) -> results.Row:
  """Bytes of a store of a tree's nodes, every node one step of its own."""
  config = config_lib.TransformerConfig(vocab_size=128)
  nodes = num_nodes + num_rows

  def num_bytes(layout: cache.Layout) -> int:
    made = jax.eval_shape(
      lambda: layout.empty_rows(config, 1, nodes, size.slots)
    )
    return sum(
      leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(made)
    )

  # The pages of a step, one of them begun by the parent and so copied.
  pages = nodes * (-(-size.step // 16) + 1)
  copied, shared = map(num_bytes, (cache.CONTIGUOUS, paged.Paged(16, pages)))
  rich.print(f"{num_nodes} nodes: {copied / 1e6} MB, pages {shared / 1e6} MB")
  cost = {"contiguous_mb": copied / 1e6, "paged_mb": shared / 1e6}
  return results.Row(
    f"store of {num_nodes} nodes", "share", shared / copied, n=1, cost=cost
  )


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--out", required=True)
  parser.add_argument("--rounds", type=int, default=3)
  parser.add_argument("--sizes", default=",".join(SIZES))
  args = parser.parse_args()
  rows = []
  for name in args.sizes.split(","):
    for method in METHODS:
      rows += measure(name, SIZES[name], method, args.rounds)
  rows.append(stores(SIZES["long"]))
  results.write(args.out, "benchmark cache", vars(args), rows)


if __name__ == "__main__":
  main()
