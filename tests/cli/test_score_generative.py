"""`prm-jax score` by a verifier that writes."""

import json

import numpy as np
import pytest

from prm_jax.cli import score
from prm_jax.reports import results
from tests.checkpoint import folders
from tests.solvers import critic_folder

ROWS = [
  {"question": "1+1?", "steps": ["1 + 1 = 2", "so 2"], "id": "a"},
  {"question": "x?", "response": "x\n\n"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  path = tmp_path_factory.mktemp("critic") / "genprm"
  critic_folder.write(path)
  (path / "config.json").write_text(
    (path / "config.json").read_text().replace("512", "8192")
  )
  return path


@pytest.fixture
def given(tmp_path):
  return folders.questions(tmp_path / "in.jsonl", *ROWS)


def lines(workdir):
  text = (workdir / score.SCORES).read_text()
  return [json.loads(line) for line in text.splitlines()]


def test_direct_verdicts(folder, given, tmp_path, prm):
  flags = ("--model", folder, "--input", given, "--format", "genprm")
  direct = ("--config.generative.mode=direct", "--config.chunk=1")
  code, out, err = prm("score", *flags, *direct, "--workdir", tmp_path / "w")
  assert code == 0, err
  found = lines(tmp_path / "w")
  assert [line["problem_id"] for line in found] == ["a", "line 2"]
  for line, count in zip(found, (2, 1), strict=True):
    assert line["format"] == "genprm"
    assert line["aggregate"] == "min"
    assert line["scores"] == [vote for (vote,) in line["votes"]]
    assert len(line["scores"]) == count
    assert line["score"] == pytest.approx(min(line["scores"]))
  rows = results.read(tmp_path / "w" / results.FILE).rows
  assert {row.metric: row.value for row in rows}["steps"] == 3
  assert not any("unknown" in line for line in out)


def test_unknown_votes_are_told(folder, given, tmp_path, prm):
  """The tiny model never closes its analysis."""
  flags = ("--model", folder, "--input", given, "--format", "genprm-line")
  own = (
    "votes=2",
    "max_tokens=4",
    "at_limit=unknown",
    "batch_size=2",
  )
  config = [f"--config.generative.{field}" for field in own]
  code, out, err = prm("score", *flags, *config, "--workdir", tmp_path / "w")
  assert code == 0, err
  found = lines(tmp_path / "w")
  assert [line["scores"] for line in found] == [[0.5, 0.5], [0.5]]
  assert found[0]["votes"] == [[None, None]] * 2
  said = " ".join(out)
  assert "6 of 6 votes came to no verdict" in said
  assert "3 steps have no other and score 0.5" in said
  assert np.isfinite(found[0]["score"])


def test_mistakes(folder, given, tmp_path, prm):
  def told(command, *flags):
    workdir = ("--workdir", tmp_path / "bad")
    code, _, err = prm(command, "--input", given, *workdir, *flags)
    assert (code, len(err)) == (2, 1), err
    return err[0]

  model = ("--model", folder)
  assert "trl-blank-line" in told("score", *model, "--format", "gen")
  assert "genprm, genprm-line" in told("score", *model)
  own = (*model, "--format", "genprm")
  tool = "--config.generative.code=tool"
  assert "which Python alone can give" in told("score", *own, tool)
  assert "generative.votes" in told(
    "score", *own, "--config.generative.votes=0"
  )
  search = ("--config", "questions_search:best_of_n", "--policy", folder)
  guided = ("--verifier", folder, "--format", "genprm")
  assert "genprm writes its verdicts" in told("search", *search, *guided)
