"""`prm-jax report`: one page from one workdir or several."""

import shutil

from prm_jax.reports import results


def test_one_workdir(finished, tmp_path, prm):
  workdir = tmp_path / "copy"
  workdir.mkdir()
  shutil.copy(finished.workdir / results.FILE, workdir)
  code, out, err = prm("report", "--workdir", workdir)
  assert (code, err) == (0, [])
  assert any("step beam" in line for line in out)
  assert out[-1] == f"report: {workdir / 'report.html'}"
  page = (workdir / "report.html").read_text()
  assert "step beam" in page
  # The table's, and accuracy by operations; there are no curves.
  assert page.count("<img") == 3


def test_several_workdirs(finished, tmp_path, prm):
  """Models without results are curves; the workdir keeps its owner."""
  one = tmp_path / "one"
  shutil.copytree(finished.workdir / "policy", one)
  other = tmp_path / "other"
  other.mkdir()
  rows = [results.Row(name="my method", metric="accuracy", value=0.5, n=8)]
  results.write(other / results.FILE, "search", {}, rows)
  code, out, err = prm(
    "report",
    "--workdir",
    one,
    f"--config.workdirs={finished.workdir / 'tvm'},{other}",
    "--config.title=Two <runs>",
  )
  assert (code, err) == (0, [])
  assert "my method" in "\n".join(out)
  page = (one / "report.html").read_text()
  assert "Two &lt;runs&gt;" in page
  for name in ("one", "tvm", "other"):
    assert f">{name}</h2>" in page
  assert not (one / "config.json").exists()


def test_a_workdir_with_nothing_in_it(tmp_path, prm):
  code, _, err = prm("report", "--workdir", tmp_path)
  assert (code, len(err)) == (2, 1)
  assert f"workdir {tmp_path} holds neither" in err[0]
  assert not (tmp_path / "report.html").exists()


def test_broken_results(tmp_path, prm):
  path = tmp_path / results.FILE
  path.write_text('{"schema": 1, "command": "search"')
  code, _, err = prm("report", "--workdir", tmp_path)
  assert (code, len(err)) == (2, 1)
  assert f"{path}: not JSON" in err[0]
