"""`prm-jax score`: public formats and ours, kills, bad lines."""

import json

import numpy as np
import pytest

from prm_jax.build import models, readers
from prm_jax.checkpoint import prm
from prm_jax.cli import main, score
from prm_jax.models import lm, reads
from prm_jax.reports import results
from prm_jax.solvers import step_scores
from prm_jax.text import tokenizer as tokenizer_lib
from tests.checkpoint import prm_folders
from tests.models import tiny

ROWS = [
  {"question": "16 - 3?", "steps": ["16 - 3 = 13", "So 13"], "id": "a"},
  {"problem": "13 * 2?", "response": "13 * 2 = 26\n\nAnswer: 26\n\n"},
  {"question": "x?", "answer": "3+3=<<3+3=6>>6\n#### 6"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  path = tmp_path_factory.mktemp("models") / "qwen"
  prm_folders.write(path, "qwen-prm")
  return path


@pytest.fixture
def given(tmp_path):
  path = tmp_path / "in.jsonl"
  path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
  return path


def run(folder, given, workdir, *more):
  arguments = ("--model", folder, "--input", given, "--workdir", workdir, *more)
  return main.main(["score", *map(str, arguments)])


def lines(workdir):
  text = (workdir / score.SCORES).read_text()
  return [json.loads(line) for line in text.splitlines()]


def told(capsys):
  (line,) = capsys.readouterr().err.splitlines()
  return line


def test_scores_are_those_of_the_reader(folder, given, tmp_path):
  assert run(folder, given, tmp_path / "w", "--config.batch_tokens=200") == 0
  found = lines(tmp_path / "w")
  reader = prm.load(folder)
  config = step_scores.ScoringConfig(batch_tokens=200)
  scorer = step_scores.StepScorer(
    reads.Values(lm.Model(reader.config)),
    reader.params,
    reader.encoder.encode,
    config,
  )
  texts = [
    reader.encoder.encode("16 - 3?", ["16 - 3 = 13", "So 13"]),
    reader.encoder.encode("13 * 2?", ["13 * 2 = 26", "Answer: 26"]),
    reader.encoder.encode("x?", ["3+3=6", "#### 6"]),
  ]
  want = scorer.score(texts, ["a", "b", "c"])
  for line, one, text in zip(found, want, texts, strict=True):
    np.testing.assert_allclose(line["scores"], one.scores, rtol=1e-5)
    np.testing.assert_allclose(line["score"], one.scores.min(), rtol=1e-5)
    assert line["num_tokens"] == len(text.tokens)
    assert line["format"] == "qwen-prm"
  assert [line["problem_id"] for line in found] == ["a", "line 2", "line 3"]
  rows = results.read(tmp_path / "w" / results.FILE).rows
  values = {row.metric: row.value for row in rows}
  assert values["solutions"] == 3
  assert values["steps"] == 6
  assert values["bad_lines"] == values["skipped"] == 0


def test_a_format_with_a_place_for_the_answer(given, tmp_path, capsys):
  """The same text, but for the reference; tokens of all prefixes count."""
  folder = tmp_path / "model"
  prm_folders.write(folder, "universal-prm")
  row = {"question": "16 - 3?", "steps": ["16 - 3 = 13", "So"], "answer": "13"}
  given.write_text(json.dumps(row) + "\n" + json.dumps(row | {"answer": None}))
  assert run(folder, given, tmp_path / "x") == 2
  assert "--format, one of qwen-rm, universal-prm" in told(capsys)
  name = ("--format", "universal-prm")
  assert run(folder, given, tmp_path / "a", *name) == 0
  shown = "--config.answers=true"
  assert run(folder, given, tmp_path / "b", *name, shown) == 0
  (bare, same), (with_answer, without) = (
    lines(tmp_path / "a"),
    lines(tmp_path / "b"),
  )
  assert bare["scores"] == same["scores"] == without["scores"]
  assert abs(bare["scores"][0] - with_answer["scores"][0]) > 1e-4
  own = prm.load(folder, format_name="universal-prm").encoder
  text = own.encode("16 - 3?", row["steps"])
  assert bare["num_tokens"] == text.num_tokens > len(text.tokens) * 1.5
  other = tmp_path / "other"
  prm_folders.write(other, "qwen-prm")
  assert run(other, given, tmp_path / "c", shown) == 2
  assert "answers: format qwen-prm has no place for a" in told(capsys)


def test_a_killed_run_goes_on(folder, given, tmp_path):
  small = "--config.chunk=2"
  assert run(folder, given, tmp_path / "whole", small) == 0
  assert run(folder, given, tmp_path / "cut", small) == 0
  path = tmp_path / "cut" / score.SCORES
  text = path.read_text()
  path.write_text(text[: text.index("\n") + 20])  # a line and a part of one
  assert run(folder, given, tmp_path / "cut", small) == 0
  assert lines(tmp_path / "cut") == lines(tmp_path / "whole")


def test_scores_of_another_input(folder, given, tmp_path, capsys):
  assert run(folder, given, tmp_path / "w") == 0
  given.write_text("".join(given.read_text().splitlines(True)[1:]))
  capsys.readouterr()
  assert run(folder, given, tmp_path / "w") == 2
  assert "scores.jsonl: holds scores of another input" in told(capsys)


def test_bad_lines_are_named_or_counted(folder, given, tmp_path, capsys):
  bad = {"question": "a <extra_0> b", "steps": ["c"]}
  given.write_text(given.read_text() + json.dumps(bad) + "\n{\n")
  assert run(folder, given, tmp_path / "a") == 2
  assert "in.jsonl:5: not JSON" in told(capsys)
  assert run(folder, given, tmp_path / "b", "--config.skip_bad=true") == 0
  said = capsys.readouterr().out.replace("\n", "")
  assert "in.jsonl:4: steps: 1 steps have 2 tags" in said
  assert "2 bad_lines" in said
  assert len(lines(tmp_path / "b")) == 3


def test_too_long_a_solution(folder, given, tmp_path, capsys):
  limit = "--config.max_tokens=60"
  assert run(folder, given, tmp_path / "a", limit) == 2
  assert "in.jsonl:1: " in told(capsys)
  skip = "--config.overlong=skip"
  assert run(folder, given, tmp_path / "b", limit, skip) == 0
  assert [line["scores"] for line in lines(tmp_path / "b")] == [None] * 3
  assert "3 skipped" in capsys.readouterr().out


@pytest.mark.parametrize(
  ("more", "part"),
  [
    (("--format", "qwen"), "format: 'qwen' is not one of qwen-prm, qwen-rm"),
    (("--config.joining=spans",), "joining: 'spans' is not a way"),
    (("--config.aggregate=median",), "aggregate"),
    (("--config.chunk=0",), "chunk: must be at least 1"),
  ],
)
def test_mistakes(more, part, folder, given, tmp_path, capsys):
  assert run(folder, given, tmp_path / "w", *more) == 2
  assert part in told(capsys)


def test_what_is_missing(folder, given, tmp_path, capsys):
  arguments = ["score", "--workdir", str(tmp_path / "w")]
  assert main.main(arguments) == 2
  assert "score needs --model" in told(capsys)
  assert run(tmp_path / "none", given, tmp_path / "w2") == 2
  assert "none: no such folder" in told(capsys)


def test_a_verifier_trained_here(given, tmp_path, capsys):
  tokenizer = tokenizer_lib.number_tokenizer(30)
  config = {"vocab_size": tokenizer.vocab_size, "value_head": "token"}
  model, params = tiny.make(**config)
  loaded = models.Loaded(model, params, tokenizer, {})
  models.save(tmp_path / "native", loaded, tmp_path)
  row = {"question": "1 2 3 :", "steps": ["1 + 2 = 3", "3 + 3 = 6"]}
  given.write_text(json.dumps(row) + "\n")
  assert run(tmp_path / "native", given, tmp_path / "w") == 0
  (line,) = lines(tmp_path / "w")
  reader = readers.load(tmp_path / "native")
  assert line["format"] == reader.format_name == readers.NATIVE
  assert line["score"] == line["scores"][-1]
  assert all(0 < value < 1 for value in line["scores"])
  capsys.readouterr()
  assert run(tmp_path / "native", given, tmp_path / "x", "--format", "trl") == 2
  assert "its format is 'native'" in told(capsys)
