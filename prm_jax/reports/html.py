"""`report.html`: one self-contained page from one or several workdirs."""

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import jinja2.sandbox
import matplotlib.figure

from prm_jax import errors
from prm_jax.data import atomic
from prm_jax.reports import (
  benchmark_plots,
  curves,
  page,
  plots,
  results,
  tables,
)

FILE = "report.html"


class Figure(NamedTuple):
  """A figure of the page."""

  title: str
  uri: str


@dataclasses.dataclass(frozen=True)
class Section:
  """What one workdir contributes to the page."""

  name: str
  facts: str = ""
  undefined: tuple[str, ...] = ()
  accuracy: tables.Table | None = None
  measurements: tables.Table | None = None
  figures: tuple[Figure, ...] = ()
  command: str = ""
  config: str = ""


def write(
  path: str | pathlib.Path,
  workdirs: Sequence[str | pathlib.Path],
  *,
  title: str = "prm_jax report",
) -> None:
  """Gathers `results.json` and all `metrics.jsonl` below the workdirs.

  Args:
    path: of the page; whole, or as it was.
    workdirs: each becomes a section.
    title: heading of the page.

  Raises:
    errors.UserError: a workdir without results, or a file that is broken.
  """
  text = render([gather(workdir) for workdir in workdirs], title=title)
  with atomic.replacing(path) as temporary:
    temporary.write_text(text)


def render(sections: Sequence[Section], *, title: str) -> str:
  """The page as text; everything from the files is escaped."""
  environment = jinja2.sandbox.SandboxedEnvironment(
    autoescape=True, undefined=jinja2.StrictUndefined
  )
  return environment.from_string(page.TEMPLATE).render(
    sections=sections, title=title, num_text=tables.NUM_TEXT_COLUMNS
  )


def gather(workdir: str | pathlib.Path) -> Section:
  """Tables and figures of one workdir.

  Raises:
    errors.UserError: no such directory, neither results nor curves in it, or
      a file that is broken.
  """
  root = pathlib.Path(workdir)
  if not root.is_dir():
    raise errors.UserError(f"workdir {root} does not exist")
  name = root.resolve().name
  logs = sorted(root.rglob(curves.FILE))
  training = [_training(log, root) for log in logs]
  if not (root / results.FILE).exists():
    if not logs:
      raise errors.UserError(
        f"workdir {root} holds neither {results.FILE} nor {curves.FILE}"
      )
    return Section(name=name, figures=_drawn(training))
  found = results.read(root / results.FILE)
  overview = [
    _figure("Accuracy by method", plots.accuracy_by_method(found.rows)),
    _figure("Accuracy by tokens", plots.accuracy_by_cost(found.rows)),
    _figure("Accuracy by FLOPs", plots.accuracy_by_cost(found.rows, "flops")),
    _figure("F1 by subset", benchmark_plots.subset_bars(found.rows)),
    _figure("Reliability", benchmark_plots.reliability(found.rows)),
    _figure("Best of N", benchmark_plots.best_of_n(found.rows)),
    _figure("Performance profiles", benchmark_plots.profiles(found.rows)),
  ]
  accuracy = tables.accuracy_table(found.rows)
  measurements = tables.measurement_table(found.rows)
  return Section(
    name=name,
    facts=_facts(found),
    undefined=tables.undefined_lines(found.undefined),
    accuracy=accuracy if accuracy.groups else None,
    measurements=measurements if measurements.groups else None,
    figures=_drawn([*overview, *training]),
    command=found.command,
    config=json.dumps(found.config, indent=1),
  )


def _drawn(figures: Sequence[Figure | None]) -> tuple[Figure, ...]:
  return tuple(figure for figure in figures if figure is not None)


def _training(log: pathlib.Path, root: pathlib.Path) -> Figure | None:
  where = log.parent.relative_to(root).as_posix()
  title = "Training" if where == "." else f"Training: {where}"
  return _figure(title, plots.training_curves(curves.read(log)))


def _figure(
  title: str, figure: matplotlib.figure.Figure | None
) -> Figure | None:
  return None if figure is None else Figure(title, plots.to_data_uri(figure))


def _facts(found: results.Results) -> str:
  """One line: device, libraries, code."""
  device, git = found.device, found.git
  parts = []
  if device:
    parts.append(
      f"{device.get('count', '?')} x {device.get('kind', '?')}"
      f" ({device.get('platform', '?')})"
    )
  parts += [f"{name} {version}" for name, version in found.versions.items()]
  if git:
    changed = ", modified" if git.get("modified") else ""
    parts.append(f"commit {str(git.get('commit'))[:10]}{changed}")
  return " · ".join(parts)
