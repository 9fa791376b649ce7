"""A critic of generated solutions: a small model that writes an index.

  critic.py data --task chain --out DIR          # to train on, and held out
  critic.py write --model RUN/model --input FILE --out critiques.jsonl

It reads a problem and its steps, each with its index, and writes the index
of the first wrong step, or -1. Training solutions are those of the training
split's problems, half of them with an error; see README.md.
"""

import argparse
import functools
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import run

from prm_jax.build import models
from prm_jax.data import record_files, records
from prm_jax.data.formats import process_bench, rows
from prm_jax.models import lm
from prm_jax.tasks import error_sets

MOST_TOKENS = 3  # `-`, `##1`, end


def prompt(problem, steps):
  """`problem step | 0 ; step | 1 ; ... :`, what the critic goes on from."""
  said = [f"{step} | {index} ;" for index, step in enumerate(steps)]
  return " ".join([problem, *said, ":"])


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
      problems.append(records.Problem(name, "critic", text, str(row["label"])))
      solutions.append(records.Solution(name, (str(row["label"]),)))
    record_files.write(own.out / f"{prefix}problems.jsonl", problems)
    record_files.write(own.out / f"{prefix}solutions.jsonl", solutions)


@functools.partial(jax.jit, static_argnums=0)
def _likeliest(model, params, tokens, length):
  """The likeliest token after each row."""
  places = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
  inside = (places < length[:, None]).astype(jnp.int32)
  logits = lm.forward(model, params, tokens, places, inside).logits
  last = jnp.take_along_axis(logits, (length - 1)[:, None, None], axis=1)
  return jnp.argmax(last[:, 0], axis=-1)


def answers(loaded, texts):
  """What the model writes greedily after each text."""
  tokenizer = loaded.tokenizer
  ids = [tokenizer.encode(text) for text in texts]
  length = np.array([len(row) for row in ids])
  tokens = np.full(
    (len(ids), int(length.max()) + MOST_TOKENS), tokenizer.pad_id, np.int32
  )
  for place, row in zip(tokens, ids, strict=True):
    place[: len(row)] = row
  written = []
  for _ in range(MOST_TOKENS):
    new = np.asarray(_likeliest(loaded.model, loaded.params, tokens, length))
    tokens[np.arange(len(ids)), length] = new
    length = length + 1
    written.append(new)
  found = []
  for row in np.stack(written, axis=1):
    steps, _ = tokenizer.read_steps(row)
    found.append(steps[0] if steps else "")
  return found


def write_critiques(own):
  """A line per row of the input."""
  loaded = models.load(own.model, "--model")
  cases = rows.read(process_bench.FORMAT, own.input).records
  texts = [prompt(case.problem, case.steps) for case in cases]
  lines = []
  for case, said in zip(cases, answers(loaded, texts), strict=True):
    lines.append({"id": case.id, "texts": [f"\\boxed{{{said}}}"]})
  own.out.parent.mkdir(parents=True, exist_ok=True)
  own.out.write_text("".join(json.dumps(line) + "\n" for line in lines))


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  commands = parser.add_subparsers(required=True)
  data = commands.add_parser("data")
  data.add_argument("--task", required=True, choices=run.TASKS)
  data.add_argument("--rows", type=int, default=12_000)
  data.set_defaults(call=write_data)
  write = commands.add_parser("write")
  write.add_argument("--model", required=True)
  write.add_argument("--input", required=True)
  write.set_defaults(call=write_critiques)
  for command in (data, write):
    command.add_argument("--out", required=True, type=pathlib.Path)
  own = parser.parse_args()
  own.call(own)


if __name__ == "__main__":
  main()
