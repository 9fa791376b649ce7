"""Particle filters with verifiers of cells that were measured without.

  python experiments/supervision/particles.py chain --policy POLICY/model \\
    --workdir WORK

WORK is that of `run.py`. Cells that have an accuracy of particles keep it.
"""

import argparse
import json
import pathlib

import reference_sampled
import rich
import run

from prm_jax.build import verifier_files
from prm_jax.data import appended, atomic


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("task", choices=reference_sampled.TASKS)
  parser.add_argument("--policy", required=True)
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  args = parser.parse_args()
  setting = reference_sampled.load(args.task, args.policy)
  file = args.workdir / run.FILE
  cells = appended.rows(file)
  for cell in cells:
    if "particle" in cell:
      continue
    folder = run.folder(cell["cell"], cell["budget"], cell["seed"])
    path = run.verifier_path(args.workdir / folder)
    cell.update(setting.searched(verifier_files.load(path, "--workdir")))
    rich.print(cell["cell"], cell["seed"], cell["particle"])
    with atomic.replacing(file) as path:
      path.write_text("".join(json.dumps(one) + "\n" for one in cells))


if __name__ == "__main__":
  main()
