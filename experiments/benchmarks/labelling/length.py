"""Tokens that it takes to find a first error, against the solution's length.

  python experiments/benchmarks/labelling/length.py --out results.json

Wrong solutions of `chain` (modulus 101) by its own policy, with 4 to 64 steps
and half a solution's worth of errors at any length. "every": N completions of
every step, the first that none of them completes is the error; "until": of one
step after the other, up to that one; "halving": of log2(steps). Equal prefixes
are completed once, tokens counted as a model's. An error is where a step is
not valid; the share found is the share put exactly there. Intervals over
solutions, by bootstrap.
"""

import argparse
import pathlib

import numpy as np
import rich

from prm_jax.eval import bootstrap
from prm_jax.labelling import binary_search, references, rollouts
from prm_jax.reports import results
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import chain

MODULUS = 101  # an answer is hardly right by luck
LENGTHS = (4, 8, 16, 32, 64)
METHODS = ("every", "until", "halving")


def wrong_solutions(
  task: chain.Chain, num: int, seed: int
) -> tuple[list[rollouts.Given], np.ndarray]:
  """Solutions with a wrong answer, and where they first go wrong."""
  rng = np.random.default_rng(seed)
  given, first = [], []
  problems = list(task.problems("train"))
  while len(given) < num:
    problem = problems[len(given) % len(problems)]
    steps, correct = task.sample(problem, rng)
    if not correct:
      given.append(rollouts.Given(len(given), problem, tuple(steps)))
      first.append(chain.first_error(problem, steps))
  return given, np.array(first)


def locate(
  method: str, task: chain.Chain, given: list[rollouts.Given], num: int
) -> tuple[np.ndarray, np.ndarray]:
  """Predicted first errors and tokens spent, per solution."""
  write = references.writer(task, num, seed=0)
  complete = lambda problems, steps: completions.count(write(problems, steps))
  shared = (given, complete, task)
  if method == "halving":
    config = binary_search.SearchConfig(num=num)
    labels = binary_search.label(*shared, config, "reference")
  else:
    after = "skip" if method == "until" else "label"
    own = rollouts.RolloutConfig(num=num, after_error=after)
    labels = rollouts.label(*shared, own, "reference")
  found = [
    rollouts.first_error(rollouts.classes(one.n_correct, one.n_total))
    if method != "halving"
    else one.first_error
    for one in labels
  ]
  tokens = [one.extra[rollouts.COST]["policy_tokens"] for one in labels]
  return np.array(found, float), np.array(tokens, float)


def power(lengths: np.ndarray, tokens: np.ndarray) -> float:
  """The exponent of tokens ~ length ** exponent."""
  return float(np.polyfit(np.log(lengths), np.log(tokens), 1)[0])


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  parser.add_argument("--solutions", type=int, default=200)
  parser.add_argument("--num", type=int, default=8)
  args = parser.parse_args()
  rows, mean = [], {name: [] for name in METHODS}
  for length in LENGTHS:
    task = chain.Chain(
      chain.Config(
        *(MODULUS, length),
        error_rate=0.5 / length,
        recovery_rate=0.0,
        num_problems=2 * args.solutions,
      )
    )
    given, truth = wrong_solutions(task, args.solutions, seed=length)
    spent = {}
    for name in METHODS:
      found, spent[name] = locate(name, task, given, args.num)
      mean[name].append(spent[name].mean())
      for metric, values in (
        ("found", found == truth),
        ("tokens", spent[name]),
      ):
        own = bootstrap.mean(values.astype(float))
        rows.append(
          results.Row(f"{name}/{length}", metric, *own, len(values), {})
        )
    for name in METHODS[:2]:
      own = bootstrap.ratio(spent[name], spent["halving"])
      rows.append(
        results.Row(
          f"{name} over halving/{length}", "tokens", *own, len(given), {}
        )
      )
  for name in METHODS:
    exponent = power(np.array(LENGTHS), np.array(mean[name]))
    rows.append(results.Row(name, "exponent", exponent))
  for row in rows:
    rich.print(
      row.name, row.metric, f"{row.value:.3g}", row.ci_low, row.ci_high
    )
  results.write(args.out, "labelling length", {"num": args.num}, rows)


if __name__ == "__main__":
  main()
