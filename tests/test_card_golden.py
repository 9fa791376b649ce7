"""Scores that model cards tell of their own examples.

They need the weights: PRM_JAX_CARDS=DIR names a folder that has them in
folders of the models' names, such as DIR/Qwen2.5-Math-PRM-7B. What is not there
is skipped. A few gigabytes are read per model; those whose authors computed in
float32 are computed so here.
"""

import json
import os
import pathlib

import numpy as np
import pytest

from prm_jax.build import readers
from prm_jax.solvers import step_scores
from prm_jax.text import hf_tokenizer, prm_encoding, prm_table
from tests.checkpoint import prm_folders

FILE = pathlib.Path(__file__).parent / "testdata" / "card_examples.jsonl"
VARIABLE = "PRM_JAX_CARDS"
ROWS = [json.loads(line) for line in FILE.read_text().splitlines()]
NAMES = [f"{row['model']}-{i}" for i, row in enumerate(ROWS)]


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_scores_are_those_of_the_card(row):
  root = os.environ.get(VARIABLE)
  if not root:
    pytest.skip(f"{VARIABLE} names no folder with the weights")
  folder = pathlib.Path(root) / row["model"].split("/")[1]
  if not folder.is_dir():
    pytest.skip(f"{folder}: no such folder")
  reader = readers.load(folder, format_name=row["format"], dtype=row["dtype"])
  encode = reader.encode
  if "answer" in row:
    assert reader.answered is not None
    encode = reader.answered(row["answer"])
  scorer = step_scores.StepScorer(
    reader.reading, reader.params, encode, step_scores.ScoringConfig()
  )
  (found,) = scorer.score([encode(row["question"], row["steps"])], ["example"])
  np.testing.assert_allclose(found.scores, row["scores"], atol=row["atol"])


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_examples_can_be_read(row, tmp_path):
  """As many scores as steps, by a format that knows the model."""
  fmt = prm_table.named(row["format"])
  assert row["model"] in fmt.models
  assert ("answer" in row) == ("{answer}" in fmt.prompt)
  special = prm_folders.SPECIAL.get(fmt.name, {})
  prm_folders.WRITERS[prm_folders.SHAPES[fmt.name][1]](tmp_path, **special)
  encoder = prm_encoding.Encoder(fmt, hf_tokenizer.load(tmp_path))
  found = encoder.encode(row["question"], row["steps"])
  count = sum(len(text.step_end) for text in found.texts)
  assert count == len(row["steps"]) == len(row["scores"])
  assert 0 < row["atol"] < np.ptp(row["scores"])
