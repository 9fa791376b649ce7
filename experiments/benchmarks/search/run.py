"""Token rate of searches as a share of plain sampling's with as many rows.

  python experiments/benchmarks/search/run.py --policy RUN/policy/model \
    --verifier RUN/tvm/model --out results.json

Every measurement runs several batches through one compiled program. The
searches take turns, several rounds of them, so that all see the same machine;
the rate is the median over the rounds, the interval their range. "trunk" is a
value head on the policy's own trunk, with fresh weights (they change what is
found, not what it costs), "tvm" a model of its own. Trees write as many steps
as the rows of the others do, four children at a time.
"""

import argparse
import dataclasses
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import rich

from prm_jax.build import models, searches
from prm_jax.cli import solving, verifying
from prm_jax.configs import game24_search
from prm_jax.models import lm
from prm_jax.reports import results
from prm_jax.solvers import solver
from prm_jax.tasks import base as tasks


def with_value_head(policy: models.Loaded) -> models.Loaded:
  """The policy with a fresh value head on its trunk."""
  model = lm.Model(dataclasses.replace(policy.model.config, value_head="token"))
  one = jnp.ones((1, 1), jnp.int32)
  fresh = nn.unbox(jax.jit(model.init)(jax.random.key(0), one, one, one))
  own = nn.unbox(policy.params)["params"]
  return policy._replace(
    model=model, params={"params": {**fresh["params"], **own}}
  )


def make_solvers(
  args: argparse.Namespace, task: tasks.Task, batch_size: int
) -> dict[str, solver.Solver]:
  """One per method and verifier; plain sampling is the first."""
  config = game24_search.get_config()
  config.solver.batch_size = batch_size
  policy = models.load(args.policy, "--policy")
  verifier = models.load(args.verifier, "--verifier")
  trunk = with_value_head(policy)
  none = verifying.none()
  sides = {
    "trunk": (trunk, verifying.of_trunk(trunk)),
    "tvm": (policy, verifying.of_model("tvm", verifier, policy, task)),
  }

  def make(method: str, policy: models.Loaded, judge: verifying.Verifier):
    group = game24_search.get_config(method).search
    if "num_simulations" in group:  # the steps of as many whole solutions
      group.num_simulations = max(1, STEPS * args.rows // CHILDREN)
    num_rows = CHILDREN if "num_simulations" in group else args.rows
    return solving.make_solver(
      task,
      policy,
      judge,
      search=searches.method(group, num_rows=num_rows),
      sampler=config.sampler,
      sizes=config.solver,
      seed=0,
    )

  found = {"sample": make("best_of_n", policy, none)}
  for name, (writer, judge) in sides.items():
    for method in args.methods.split(","):
      found[f"{method}/{name}"] = make(method, writer, judge)
  return found


def measure(
  solvers: dict[str, solver.Solver],
  problems: Sequence[tasks.Problem],
  rounds: int,
) -> tuple[dict[str, list[float]], dict[str, solver.Solved]]:
  """Tokens per second of every round, and the last round's rows."""
  rates: dict[str, list[float]] = {name: [] for name in solvers}
  last = {}
  for _ in range(rounds + 1):  # the first round warms up
    for name, own in solvers.items():
      last[name] = own.solve(problems)
      tokens = last[name].cost.policy_tokens.sum()
      rates[name].append(float(tokens / last[name].wall_s))
  return {name: found[1:] for name, found in rates.items()}, last


def rows_of(
  solvers: dict[str, solver.Solver],
  rates: dict[str, list[float]],
  last: dict[str, solver.Solved],
  size: str,
) -> list[results.Row]:
  plain = np.median(rates["sample"])
  rows = []
  for name, own in solvers.items():
    solved, rate = last[name], float(np.median(rates[name]))
    memory = own.program.memory_analysis()
    cost = {
      "share_of_sampling": float(rate / plain),
      "utilisation": solver.utilisation(solved),
      "verifier_tokens": float(np.mean(solved.cost.verifier_tokens)),
      "compile_s": own.compile_s,
      "temp_mb": memory.temp_size_in_bytes / 1e6 if memory else 0.0,
    }
    rows.append(
      results.Row(
        f"{name} {size}",
        "tokens_per_s",
        rate,
        ci_low=min(rates[name]),
        ci_high=max(rates[name]),
        n=len(rates[name]),
        cost=cost,
        wall_s=solved.wall_s,
      )
    )
    rich.print(
      f"{name} {size}: {rate:,.0f} tokens/s, "
      f"{100 * cost['share_of_sampling']:.0f} % of sampling, "
      f"utilisation {100 * cost['utilisation']:.0f} %, "
      f"compiled in {own.compile_s:.1f} s, "
      f"temporaries {cost['temp_mb']:.0f} MB"
    )
  return rows


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--policy", required=True)
  parser.add_argument("--verifier", required=True)
  parser.add_argument("--out", required=True)
  parser.add_argument("--problems", default="8,64")
  parser.add_argument("--rows", type=int, default=16)
  parser.add_argument("--batches", type=int, default=3)
  parser.add_argument("--rounds", type=int, default=5)
  parser.add_argument(
    "--methods", default="best_of_n,step_beam,particle,mcts,gumbel_mcts"
  )
  args = parser.parse_args()
  config: ml_collections.ConfigDict = game24_search.get_config()
  task = models.task(config.task)
  rows = []
  for batch_size in map(int, args.problems.split(",")):
    problems = list(task.problems("train"))[: batch_size * args.batches]
    solvers = make_solvers(args, task, batch_size)
    rates, last = measure(solvers, problems, args.rounds)
    rows += rows_of(solvers, rates, last, f"{batch_size}x{args.rows}")
  options = {k: v for k, v in vars(args).items() if k not in PATHS}
  results.write(args.out, "benchmark search", options, rows)


PATHS = ("policy", "verifier", "out")
CHILDREN = 4  # of a node
STEPS = 3  # of a solution of Game of 24


if __name__ == "__main__":
  main()
