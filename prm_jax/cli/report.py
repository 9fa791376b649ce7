"""`prm-jax report`: results and curves of work directories as one page."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator, Sequence

import ml_collections
import rich

from prm_jax.cli import flags as flags_lib
from prm_jax.reports import html, results, tables
from prm_jax.train import progress as progress_lib

DEFAULT_CONFIG = "report"
CLAIMS_WORKDIR = False
FILE = "report.html"
_MOST_TOLD = 10  # bad lines


def run(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  flags: flags_lib.Flags,
) -> int:
  """Writes `report.html` into the workdir, from it and `config.workdirs`."""
  del flags
  sources = [workdir, *map(pathlib.Path, config.workdirs)]
  html.write(workdir / FILE, sources, title=config.title)
  for source in sources:
    if (source / results.FILE).exists():
      show(results.read(source / results.FILE).rows, str(source))
  print(f"report: {workdir / FILE}")
  return 0


def show(rows: Sequence[results.Row], title: str) -> None:
  """Prints the accuracies as one table."""
  rich.print(tables.to_rich(tables.accuracy_table(rows), title))


def skipped(bad: Sequence[str]) -> None:
  """Prints what could not be read, as far as it can be taken in."""
  for message in bad[:_MOST_TOLD]:
    print(f"skipped: {message}")


@contextlib.contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
  """Shows how far a run is; it is told how many are done."""
  bar = progress_lib.Progress(label, total)
  try:
    yield lambda done: bar.update(done, {})
  finally:
    bar.close()
