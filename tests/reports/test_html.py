"""The page: whole, self-contained and safe against what it shows."""

import json
from html import parser

import pytest

from prm_jax import errors
from prm_jax.reports import curves, html, results
from tests.reports import rows


class Page(parser.HTMLParser):
  """Tags, attributes and text of a page; unbalanced tags raise."""

  VOID = frozenset({"meta", "img", "br", "link"})

  def __init__(self, text):
    super().__init__()
    self.tags, self.open, self.text = [], [], []
    self.feed(text)
    assert not self.open

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))
    if tag not in self.VOID:
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    self.text.append(data.strip())

  def find(self, tag):
    return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def workdir(tmp_path):
  root = tmp_path / "run"
  results.write(root / results.FILE, "prm-jax quickstart", {"a": 1}, rows.ROWS)
  (root / "policy").mkdir()
  log = [{"step": i, "train/loss": 1 / (i + 1)} for i in range(5)]
  (root / "policy" / curves.FILE).write_text(
    "".join(json.dumps(row) + "\n" for row in log)
  )
  return root


def test_page_holds_tables_figures_and_provenance(workdir, tmp_path):
  html.write(tmp_path / html.FILE, [workdir], title="Game of 24")
  page = Page((tmp_path / html.FILE).read_text())
  text = page.text
  assert "Game of 24" in text
  for cell in ("best of n", "★ 33.0 %", "28.0 to 39.0", "431.3"):
    assert cell in text
  assert len(page.find("table")) == 2
  assert [image["alt"] for image in page.find("img")] == [
    *("Accuracy by method", "Accuracy by tokens", "Training: policy"),
  ]
  assert any("jax 0." in part for part in text)
  assert "prm-jax quickstart" in text


def test_costs_that_were_measured_have_their_figure(tmp_path):
  own = [rows.row("greedy", 0.1, cost={"flops": 1e9, "policy_tokens": 50.0})]
  results.write(tmp_path / results.FILE, "c", {}, own)
  titles = [figure.title for figure in html.gather(tmp_path).figures]
  assert titles == [
    *("Accuracy by method", "Accuracy by tokens", "Accuracy by FLOPs"),
  ]


def test_page_loads_nothing_and_runs_nothing(workdir, tmp_path):
  html.write(tmp_path / html.FILE, [workdir])
  page = Page((tmp_path / html.FILE).read_text())
  assert not page.find("script")
  assert not page.find("link")
  for _, attributes in page.tags:
    for name in ("src", "href"):
      if name in attributes:
        assert attributes[name].startswith(("data:image/svg+xml", "#"))
    assert not any(name.startswith("on") for name in attributes)


def test_groups_span_their_rows(workdir, tmp_path):
  html.write(tmp_path / html.FILE, [workdir])
  page = Page((tmp_path / html.FILE).read_text())
  spans = [int(a["rowspan"]) for a in page.find("th") if "rowspan" in a]
  assert spans == [2, 2, 1, 2, 1]
  assert sum(a.get("class") == "best" for a in page.find("tr")) == 4


def test_names_are_escaped(tmp_path):
  name = "<script>alert(1)<b>/{{ 7 * 7 }}"
  results.write(
    tmp_path / results.FILE, "<b>c</b>", {"x": "</pre>"}, [rows.row(name, 0.5)]
  )
  text = html.render([html.gather(tmp_path)], title="<i>t</i>")
  page = Page(text)
  assert not page.find("script")
  assert not page.find("b")
  assert "{{ 7 * 7 }}" in page.text
  assert "<i>t</i>" in page.text


def test_several_workdirs_have_a_list(workdir, tmp_path):
  other = tmp_path / "training"
  other.mkdir()
  (other / curves.FILE).write_text('{"step": 1, "train/loss": 2.0}\n')
  html.write(tmp_path / html.FILE, [workdir, other])
  page = Page((tmp_path / html.FILE).read_text())
  assert [a["href"] for a in page.find("a")] == ["#run1", "#run2"]
  assert [a["id"] for a in page.find("h2")] == ["run1", "run2"]
  assert "training" in page.text
  assert page.find("img")[-1]["alt"] == "Training"


def test_workdir_without_results_is_told(tmp_path):
  with pytest.raises(errors.UserError, match="does not exist"):
    html.gather(tmp_path / "absent")
  with pytest.raises(errors.UserError, match="holds neither"):
    html.gather(tmp_path)


def test_page_is_whole_or_as_it_was(workdir, tmp_path):
  target = tmp_path / html.FILE
  target.write_text("old")
  (workdir / results.FILE).write_text("{")
  with pytest.raises(errors.UserError, match="not JSON"):
    html.write(target, [workdir])
  assert target.read_text() == "old"
