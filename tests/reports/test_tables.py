"""Layout of the tables: groups, marks, digits, escapes."""

import io

import pytest
import rich.console

from prm_jax.reports import results, tables
from tests.reports import rows


def lines_of(table):
  return {
    (group.title, line.cells[0]): line
    for group in table.groups
    for line in group.lines
  }


def show(table, width=80):
  console = rich.console.Console(file=io.StringIO(), width=width)
  console.print(tables.to_rich(table, "Game of 24"))
  return console.file.getvalue()


@pytest.mark.parametrize(
  ("name", "method", "verifier"),
  [
    ("greedy", "greedy", ""),
    ("best_of_n/tvm", "best of n", "tvm"),
    ("pass@1", "pass@1", ""),
    ("pass@16", "pass@16", "oracle"),
    ("maj@16", "maj@16", ""),
  ],
)
def test_names(name, method, verifier):
  assert tables.method_of(name) == method
  assert tables.verifier_of(name) == verifier


def test_rows_are_grouped_by_verifier_with_the_oracle_last():
  table = tables.accuracy_table(rows.ROWS)
  assert [group.title for group in table.groups] == [
    *("none", "tvm", "orm", "oracle"),
  ]
  assert [line.cells[0] for line in table.groups[-1].lines] == [
    *("best of n", "pass@16"),
  ]


def test_cells():
  found = lines_of(tables.accuracy_table(rows.ROWS))
  assert found["orm", "best of n"].cells == (
    *("best of n", "14.0 %", "9.0 to 20.0", "200"),
    *("800", "1,234", "80 %", "3.2"),
  )
  assert found["none", "greedy"].cells[4] == "52"


def test_small_token_counts_keep_a_decimal():
  table = tables.accuracy_table([rows.row("a", 0.5, tokens=12.34)])
  assert table.groups[0].lines[0].cells[4] == "12.3"


def test_missing_numbers_are_dashes():
  row = results.Row("a", "accuracy", 0.5, n=3)
  (line,) = tables.accuracy_table([row]).groups[0].lines
  assert line.cells == ("a", "★ 50.0 %", "-", "3", "-", "-", "-", "-")


def test_best_of_each_group_and_one_star_below_the_oracle():
  found = lines_of(tables.accuracy_table(rows.ROWS))
  best = {key for key, line in found.items() if line.is_best}
  assert best == {
    ("none", "greedy"),
    ("tvm", "particle"),
    ("orm", "best of n"),
    ("oracle", "pass@16"),
  }
  starred = {key for key, line in found.items() if "★" in line.cells[1]}
  assert starred == {("tvm", "particle")}


def test_terminal_of_80_columns_shows_every_cell_whole():
  table = tables.accuracy_table(rows.ROWS)
  text = show(table)
  assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
  assert "…" not in text
  for group in table.groups:
    for line in group.lines:
      assert any(
        all(cell in shown for cell in line.cells) for shown in text.splitlines()
      ), line


def test_numbers_are_aligned_to_the_right():
  text = show(tables.accuracy_table(rows.ROWS))
  ends = {line.index(" %") for line in text.splitlines() if " % " in line[:35]}
  assert len(ends) == 1


def test_markup_in_names_is_text():
  table = tables.accuracy_table([rows.row("[bold]x[/bold]/[red]", 0.5)])
  assert "[bold]x[" in show(table, width=120)


def test_markdown_is_a_rectangle():
  text = tables.to_markdown(tables.accuracy_table(rows.ROWS))
  lines = text.splitlines()
  assert len({len(line) for line in lines}) == 1
  assert len({line.count("|") for line in lines}) == 1
  assert len(lines) == 2 + 7
  assert set(lines[1].replace(" ", "")) == {"|", "-", ":"}
  assert "| tvm      | best of n     |" in text
  assert "| **particle**  | **★ 33.0 %** |" in text


def test_markdown_escapes_the_divider():
  text = tables.to_markdown(tables.accuracy_table([rows.row("a|b", 0.5)]))
  assert "a\\|b" in text


def test_other_metrics_have_their_own_table():
  ratio = results.Row("particle/tvm", "ratio", 6.0, 4.5, 8.25, n=200)
  table = tables.measurement_table([*rows.ROWS, ratio])
  assert [(g.title, g.lines[0].cells) for g in table.groups] == [
    ("wall_s", ("quickstart", "431.3", "-", "1")),
    ("ratio", ("particle/tvm", "6", "4.5 to 8.25", "200")),
  ]


def test_nothing_to_show():
  table = tables.accuracy_table([])
  assert table.groups == ()
  assert "★" not in show(table)
