"""Answers graded per minute; see README.md.

The references of MATH-500 and GSM8K, each with itself in another spacing and
with two perturbed answers, are graded by fresh processes: "all" as they come,
"algebra" only those that cheap rules leave to math-verify, after one pass over
other answers has warmed its parser up.
"""

import argparse
import json
import os
import pathlib
import re
import time

from prm_jax.tasks import forms, grading, gsm8k, hendrycks_math, literals

_NUMBER = re.compile(r"\d+")


def answers_of(gold, shift):
  """The answer in another spacing, and two numbers off."""
  bump = lambda m: str(int(m[0]) + shift)
  return [
    gold.replace("+", " + ") + " ",
    _NUMBER.sub(bump, gold, count=1),
    _NUMBER.sub(bump, gold),
  ]


def is_hard(pair):
  gold, answer = map(literals.normalise, pair)
  return forms.same(gold, answer) is None


def rate(grader, pairs):
  """Answers per minute of wall and of processor time, and the outcomes."""
  grader.counts.clear()
  before, started = _processor_s(grader), time.perf_counter()
  grader.grade_all(pairs)
  wall_s = time.perf_counter() - started
  own_s = _processor_s(grader) - before
  return {
    "answers": len(pairs),
    "wall_s": wall_s,
    "per_minute": 60 * len(pairs) / wall_s,
    "per_processor_minute": 60 * len(pairs) / own_s if own_s else None,
    "outcomes": dict(grader.counts),
  }


def _processor_s(grader):
  """Seconds spent by this process and by the comparing ones."""
  ticks = 0
  for pid in grader.pids():
    fields = (
      pathlib.Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()
    )
    ticks += int(fields[11]) + int(fields[12])
  return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--gsm8k", required=True, help="test.jsonl of GSM8K")
  parser.add_argument("--math", required=True, help="test.jsonl of MATH-500")
  parser.add_argument("--out", required=True, type=pathlib.Path)
  own = parser.parse_args()
  tasks = {
    "gsm8k": gsm8k.Gsm8k(gsm8k.Config(own.gsm8k)),
    "math500": hendrycks_math.Math(hendrycks_math.Config(own.math)),
  }
  golds = {
    name: [problem.answer for problem in task.problems("test")]
    for name, task in tasks.items()
  }
  pairs = {
    name: [(gold, a) for gold in own_golds for a in answers_of(gold, 1)]
    for name, own_golds in golds.items()
  }
  warm = [(g, a) for g in golds["math500"] for a in answers_of(g, 2)]
  found = {}
  with grading.Grader() as grader:
    grader.grade_all([pair for pair in warm if is_hard(pair)])
    hard = [pair for pair in dict.fromkeys(pairs["math500"]) if is_hard(pair)]
    found["math500, algebra"] = rate(grader, hard)
    grader.canonical_all([answer for _, answer in hard])
  for name, own_pairs in pairs.items():
    with grading.Grader() as grader:
      grader.grade_all([pair for pair in warm if is_hard(pair)])
      found[name] = rate(grader, own_pairs)
  text = json.dumps(found, indent=1)
  own.out.write_text(text + "\n")
  print(text)


if __name__ == "__main__":
  main()
