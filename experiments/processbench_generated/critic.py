"""A critic of generated solutions: a small model that tells the first error.

  critic.py data --task chain --form verdicts --out DIR  # train, held out
  critic.py write --task chain --form verdicts --model RUN/model \\
    --input FILE --votes 8 --out critiques.jsonl

It reads a problem and its steps, each with its index. With `--form index` it
writes the index of the first wrong step, or -1; with `--form verdicts` it goes
through the steps, `0 +`, `1 +`, `2 -`, up to the first that is wrong. See
README.md.
"""

import argparse
import json
import pathlib
from collections.abc import Sequence

import run

from prm_jax.build.methods import sampling
from prm_jax.cli import policies, solving, verifying
from prm_jax.configs import rollouts
from prm_jax.data import record_files, records
from prm_jax.data.formats import process_bench, rows
from prm_jax.tasks import error_sets
from prm_jax.text import steps as steps_lib

FORMS = ("index", "verdicts")
MOST_TOKENS = 48  # of a critique: fourteen steps and room


def prompt(problem: str, steps: Sequence[str]) -> str:
  """`problem step | 0 ; step | 1 ; ... :`, what the critic goes on from."""
  said = [f"{step} | {index} ;" for index, step in enumerate(steps)]
  return " ".join([problem, *said, ":"])


def critique(form: str, label: int, num_steps: int) -> tuple[str, ...]:
  """What is to be written of a solution; `label` -1 for no error."""
  if form == "index":
    return (str(label),)
  end = num_steps if label < 0 else label
  right = [f"{index} +" for index in range(end)]
  return (*right, *([f"{label} -"] if label >= 0 else []))


def index(form: str, written: Sequence[str], num_steps: int) -> str:
  """The index that a critique amounts to, "" for none."""
  if form == "index":
    return written[0] if written else ""
  for label in (-1, *range(num_steps)):
    if tuple(written) == critique(form, label, num_steps):
      return str(label)
  return ""


def write_data(own):
  """Files of problems and solutions for `prm-jax train`."""
  task = run.TASKS[own.task]
  own.out.mkdir(parents=True, exist_ok=True)
  for prefix, split, num in (
    ("", "train", own.rows),
    ("eval_", "validation", 256),
  ):
    made = error_sets.make_rows(task, split, num, seed=1)
    problems, solutions = [], []
    for row in made:
      name = f"critic/{row['id']}"
      text = prompt(row["problem"], row["steps"])
      said = critique(own.form, row["label"], len(row["steps"]))
      problems.append(records.Problem(name, "critic", text, str(row["label"])))
      solutions.append(records.Solution(name, said))
    record_files.write(own.out / f"{prefix}problems.jsonl", problems)
    record_files.write(own.out / f"{prefix}solutions.jsonl", solutions)


def answers(own, cases):
  """Indices that the model tells of each case, one per vote."""
  policy = policies.load(own.model, "--model")
  texts = [prompt(case.problem, case.steps) for case in cases]
  problems = [
    records.Problem(case.id, "critic", text, "")
    for case, text in zip(cases, texts, strict=True)
  ]
  config = rollouts.get_config("chain")
  config.sampler.temperature = 0.0 if own.votes == 1 else 1.0
  config.solver.max_tokens = MOST_TOKENS
  solved = solving.make_solver(
    run.TASKS[own.task],
    policy,
    verifying.none(),
    search=sampling.BestOfN(own.votes),
    sampler=config.sampler,
    sizes=policies.sizes(config.solver, policy, problems),
    seed=0,
  ).solve(problems)
  found = []
  for case, tokens, ends in zip(
    cases, solved.tokens, solved.length, strict=True
  ):
    said = [
      steps_lib.decode_steps(policy.tokenizer, one[:end])[0]
      for one, end in zip(tokens, ends, strict=True)
    ]
    found.append([index(own.form, one, len(case.steps)) for one in said])
  return found


def write_critiques(own):
  """A line per row of the input; a greedy critique, or votes drawn at 1."""
  cases = rows.read(process_bench.FORMAT, own.input).records
  lines = []
  for case, told in zip(cases, answers(own, cases), strict=True):
    lines.append(
      {"id": case.id, "texts": [f"\\boxed{{{one}}}" for one in told]}
    )
  own.out.parent.mkdir(parents=True, exist_ok=True)
  own.out.write_text("".join(json.dumps(line) + "\n" for line in lines))


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  commands = parser.add_subparsers(required=True)
  data = commands.add_parser("data")
  data.add_argument("--rows", type=int, default=12_000)
  data.set_defaults(call=write_data)
  write = commands.add_parser("write")
  write.add_argument("--model", required=True)
  write.add_argument("--input", required=True)
  write.add_argument("--votes", type=int, default=1)
  write.set_defaults(call=write_critiques)
  for command in (data, write):
    command.add_argument("--task", required=True, choices=run.TASKS)
    command.add_argument("--form", default="index", choices=FORMS)
    command.add_argument("--out", required=True, type=pathlib.Path)
  own = parser.parse_args()
  own.call(own)


if __name__ == "__main__":
  main()
