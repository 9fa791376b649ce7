"""Tables of results: laid out once, shown as terminal text or Markdown.

Rows are grouped by verifier. Bold is the best of its group, the star the best
of all that could be used in practice: what an exact oracle selects (pass@k
with k > 1 included) is an upper bound.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import rich.box
import rich.table
import rich.text

from prm_jax.reports import results

ACCURACY = "accuracy"
ORACLE = "oracle"
STAR = "★"
_ABSENT = "-"

HEADER = (
  "verifier",
  "method",
  "accuracy",
  "95 % interval",
  "n",
  "policy tokens",
  "verifier tokens",
  "utilisation",
  "seconds",
)
NOTE = (
  f"{STAR} best of all but the oracle's, bold: best of its verifier. Tokens are"
  " per problem, seconds for all problems."
)
NUM_TEXT_COLUMNS = 2  # the rest are numbers, to the right
_NARROW = {
  "95 % interval": "95 %\ninterval",
  "policy tokens": "policy\ntokens",
  "verifier tokens": "verifier\ntokens",
  "utilisation": "utili-\nsation",
}


class Line(NamedTuple):
  """One row; `cells` has one text per column after the group's title."""

  cells: tuple[str, ...]
  is_best: bool


class Group(NamedTuple):
  """The rows of one verifier."""

  title: str
  lines: tuple[Line, ...]


class Table(NamedTuple):
  """A table ready to be shown."""

  header: tuple[str, ...]
  groups: tuple[Group, ...]
  note: str = ""


def verifier_of(name: str) -> str:
  """`best_of_n/tvm` -> `tvm`; "" where nothing judges."""
  method, _, verifier = name.partition("/")
  found = re.fullmatch(r"pass@(\d+)", method)
  # The best of k samples by the truth itself.
  if not verifier and found and int(found[1]) > 1:
    return ORACLE
  return verifier


def method_of(name: str) -> str:
  """`best_of_n/tvm` -> `best of n`."""
  return name.partition("/")[0].replace("_", " ")


def by_verifier(
  rows: Sequence[results.Row],
) -> dict[str, list[results.Row]]:
  """Rows by verifier, in order; no verifier first, the oracle last."""
  found: dict[str, list[results.Row]] = {}
  for row in rows:
    found.setdefault(verifier_of(row.name), []).append(row)
  rank = {"": 0, ORACLE: 2}
  return dict(sorted(found.items(), key=lambda item: rank.get(item[0], 1)))


def accuracy_table(rows: Sequence[results.Row]) -> Table:
  """The rows with metric `accuracy`, by verifier; tokens are per problem."""
  grouped = by_verifier([row for row in rows if row.metric == ACCURACY])
  rows = [row for own in grouped.values() for row in own]
  usable = [row for row in rows if verifier_of(row.name) != ORACLE]
  star = max(usable, key=lambda row: row.value, default=None)
  costs = dict(zip(map(id, rows), _costs(rows), strict=True))
  groups = []
  for verifier, own in grouped.items():
    best = max(own, key=lambda row: row.value)
    lines = []
    for row in own:
      mark = f"{STAR} " if row is star else ""
      accuracy = f"{mark}{100 * row.value:.1f} %"
      measured = (method_of(row.name), accuracy, _interval(row), str(row.n))
      lines.append(Line((*measured, *costs[id(row)]), row is best))
    groups.append(Group(verifier or "none", tuple(lines)))
  return Table(HEADER, tuple(groups), NOTE if groups else "")


def measurement_table(rows: Sequence[results.Row]) -> Table:
  """The rows with any other metric, by metric; curves are for figures."""
  rows = [row for row in rows if row.metric != ACCURACY and row.at is None]
  groups = []
  for metric in dict.fromkeys(row.metric for row in rows):
    lines = []
    for row in rows:
      if row.metric == metric:
        bounds = _ABSENT
        if row.ci_low is not None and row.ci_high is not None:
          bounds = f"{row.ci_low:.4g} to {row.ci_high:.4g}"
        cells = (row.name, f"{row.value:.4g}", bounds, f"{row.n:,}")
        lines.append(Line(cells, False))
    groups.append(Group(metric, tuple(lines)))
  header = ("metric", "name", "value", "95 % interval", "n")
  return Table(header, tuple(groups))


def undefined_lines(
  undefined: Sequence[results.Undefined],
) -> tuple[str, ...]:
  """A line per reason: what is undefined for it."""
  groups: dict[str, list[str]] = {}
  for one in undefined:
    groups.setdefault(one.reason, []).append(f"{one.name} {one.metric}")
  return tuple(
    f"undefined ({reason}): {', '.join(names)}"
    for reason, names in groups.items()
  )


def to_rich(table: Table, title: str | None = None) -> rich.table.Table:
  """For a terminal of 80 columns or more: `rich.print(to_rich(table))`."""
  shown = rich.table.Table(
    title=title,
    title_justify="left",
    caption=table.note or None,
    caption_justify="left",
    box=rich.box.SIMPLE_HEAD,
    show_edge=False,
    pad_edge=False,
    padding=0,
  )
  for i, name in enumerate(table.header):
    shown.add_column(
      _NARROW.get(name, name),
      justify="left" if i < NUM_TEXT_COLUMNS else "right",
      vertical="bottom",
    )
  for group in table.groups:
    shown.add_section()
    for i, line in enumerate(group.lines):
      cells = (group.title if i == 0 else "", *line.cells)
      # Text, because names are data and may hold rich's markup.
      texts = (rich.text.Text(cell) for cell in cells)
      shown.add_row(*texts, style="bold" if line.is_best else None)
  return shown


def to_markdown(table: Table) -> str:
  """For a README; the cells of a column have one width."""
  grid = [list(table.header)]
  for group in table.groups:
    for i, line in enumerate(group.lines):
      bold = [
        f"**{cell}**" if line.is_best else cell for cell in line.cells[:2]
      ]
      title = group.title if i == 0 else ""
      grid.append([title, *bold, *line.cells[2:]])
  escaped = [[cell.replace("|", "\\|") for cell in row] for row in grid]
  widths = [max(3, *map(len, column)) for column in zip(*escaped, strict=True)]

  def show(row: Sequence[str]) -> str:
    cells = [
      cell.ljust(width) if i < NUM_TEXT_COLUMNS else cell.rjust(width)
      for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return f"| {' | '.join(cells)} |"

  rule = [
    "-" * width if i < NUM_TEXT_COLUMNS else "-" * (width - 1) + ":"
    for i, width in enumerate(widths)
  ]
  return "\n".join([show(escaped[0]), show(rule), *map(show, escaped[1:])])


def _interval(row: results.Row) -> str:
  if row.ci_low is None or row.ci_high is None:
    return _ABSENT
  return f"{100 * row.ci_low:.1f} to {100 * row.ci_high:4.1f}"


def utilisation(row: results.Row) -> float | int | None:
  """Share of decode slots that wrote a token."""
  if "policy_tokens" not in row.cost or not row.cost.get("slots"):
    return None
  return row.cost["policy_tokens"] / row.cost["slots"]


def _costs(rows: Sequence[results.Row]) -> list[tuple[str, ...]]:
  """The last four columns of every row."""
  shares = [utilisation(row) for row in rows]
  columns = [
    _aligned([row.cost.get("policy_tokens") for row in rows], 100),
    _aligned([row.cost.get("verifier_tokens") for row in rows], 100),
    [_ABSENT if s is None else f"{100 * s:.0f} %" for s in shares],
    _aligned([row.wall_s for row in rows], 1000),
  ]
  return list(zip(*columns, strict=True))


def _aligned(
  values: Sequence[float | int | None], whole_from: int
) -> list[str]:
  """Numbers of one column; one decimal unless some reach `whole_from`."""
  largest = max((abs(v) for v in values if v is not None), default=0.0)
  decimals = 0 if largest >= whole_from else 1
  return [_ABSENT if v is None else f"{v:,.{decimals}f}" for v in values]
