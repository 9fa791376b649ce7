"""Token rate and utilisation of plain sampling and of searches, by rows.

  python experiments/benchmarks/search/run.py --policy RUN/policy/model \
    --verifier RUN/tvm/model --out results.json

Every measurement runs several batches through one compiled program; the rate
of a search is also given as a share of plain sampling's with as many rows.
"""

import argparse

import numpy as np
import rich

from prm_jax.build import models, searches
from prm_jax.cli import solving
from prm_jax.configs import game24_search
from prm_jax.reports import results


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--policy", required=True)
  parser.add_argument("--verifier", required=True)
  parser.add_argument("--out", required=True)
  parser.add_argument("--problems", default="8,64")
  parser.add_argument("--rows", type=int, default=16)
  parser.add_argument("--batches", type=int, default=4)
  args = parser.parse_args()
  config = game24_search.get_config()
  task = models.task(config.task)
  policy = models.load(args.policy, "--policy")
  verifier = models.load(args.verifier, "--verifier")
  guide = solving.model_verifier("tvm", verifier, policy, task)
  none = solving.no_verifier()
  cases = (
    ("sample", none, "best_of_n"),
    ("best_of_n/tvm", guide, "best_of_n"),
    ("step_beam/tvm", guide, "step_beam"),
    ("particle/tvm", guide, "particle"),
  )
  rows = []
  for batch_size in map(int, args.problems.split(",")):
    config.solver.batch_size = batch_size
    problems = list(task.problems("train"))[: batch_size * args.batches]
    plain = None
    for name, judge, method in cases:
      group = game24_search.get_config(method).search
      search = searches.method(group, num_rows=args.rows)
      solver = solving.make_solver(
        task,
        policy,
        judge,
        search=search,
        sampler=config.sampler,
        sizes=config.solver,
        seed=0,
      )
      solver.solve(problems[:batch_size])
      solved = solver.solve(problems)
      tokens = solved.cost.policy_tokens.sum()
      rate = float(tokens / solved.wall_s)
      plain = plain or rate
      memory = solver.program.memory_analysis()
      cost = {
        "share_of_sampling": rate / plain,
        "utilisation": float(tokens / solved.cost.slots.sum()),
        "verifier_tokens": float(np.mean(solved.cost.verifier_tokens)),
        "compile_s": solver.compile_s,
        "programs": 1,
        "temp_mb": memory.temp_size_in_bytes / 1e6 if memory else 0.0,
      }
      row = results.Row(
        f"{name} {batch_size}x{args.rows}",
        "tokens_per_s",
        rate,
        n=len(problems),
        cost=cost,
        wall_s=solved.wall_s,
      )
      rows.append(row)
      rich.print(
        f"{row.name}: {rate:,.0f} tokens/s, "
        f"{100 * cost['share_of_sampling']:.0f} % of sampling, "
        f"utilisation {100 * cost['utilisation']:.0f} %, "
        f"compiled in {solver.compile_s:.1f} s, "
        f"temporaries {cost['temp_mb']:.0f} MB"
      )
  results.write(args.out, "benchmark search", vars(args), rows)


if __name__ == "__main__":
  main()
