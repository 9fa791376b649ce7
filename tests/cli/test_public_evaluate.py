"""`prm-jax evaluate --model DIR` with a verifier in public files."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.build import readers
from prm_jax.models import heads, lm
from prm_jax.reports import results
from tests.checkpoint import folders

STEPS = (
  (["2 + 2 = 4", "#### 4"], -1, True),
  (["2 + 2 = 5", "so 5", "#### 5"], 0, False),
  (["2 + 2 = 4", "4 + 1 = 6", "#### 6"], 1, False),
  (["Add them.", "2 + 2 = 4", "#### 4"], -1, True),
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
  path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
  lines = [
    {
      "id": f"gsm8k-{i}",
      "generator": "hand",
      "problem": "What is 2 + 2?",
      "steps": steps,
      "final_answer_correct": correct,
      "label": label,
    }
    for i, (steps, label, correct) in enumerate(STEPS)
  ]
  path.write_text("".join(json.dumps(line) + "\n" for line in lines))
  return path


def scores_anew(folder):
  """Of each whole text, by a forward pass alone."""
  reader = readers.load(folder)
  model = reader.reading.model
  for steps, _, _ in STEPS:
    found = reader.encode("What is 2 + 2?", steps)
    tokens = jnp.asarray(found.tokens)[None]
    place = jnp.arange(tokens.shape[1])[None]
    out = lm.forward(model, reader.params, tokens, place, jnp.ones_like(place))
    scores = heads.to_probability(out.values[0], model.config)
    yield np.asarray(scores)[found.step_end]


def accuracies(scores, threshold):
  """Shares of first errors told, by hand: of wrong and of right solutions."""
  told = [
    next((i for i, score in enumerate(own) if score < threshold), -1)
    for own in scores
  ]
  found = {True: [], False: []}
  for guess, (_, label, _) in zip(told, STEPS, strict=True):
    found[label < 0].append(guess == label)
  return np.mean(found[False]), np.mean(found[True])


def test_first_errors_by_a_public_verifier(rows, tmp_path, prm):
  folder = tmp_path / "verifier"
  folders.qwen_prm(folder)
  want = list(scores_anew(folder))
  assert np.std(np.concatenate(want)) > 1e-3
  threshold = float(np.median(np.concatenate(want)))
  work = tmp_path / "run"
  code, _, err = prm(
    *("evaluate", "--benchmark", "processbench", "--model", folder),
    *("--input", rows, "--workdir", work),
    f"--config.protocol.threshold.value={threshold}",
    "--config.bootstrap.num_resamples=20",
  )
  assert (code, err) == (0, [])
  lines = (work / "scores.jsonl").read_text().splitlines()
  for line, own in zip(lines, want, strict=True):
    assert json.loads(line)["scores"] == pytest.approx(own, abs=1e-4)
  measured = {
    row.metric: row.value
    for row in results.read(work / results.FILE).rows
    if row.name == "gsm8k"
  }
  wrong, right = accuracies(want, threshold)
  assert measured["error_accuracy"] == pytest.approx(wrong)
  assert measured["correct_accuracy"] == pytest.approx(right)


def test_a_policy_is_no_verifier(rows, tmp_path, prm):
  folders.qwen2(tmp_path / "policy")
  code, _, err = prm(
    *("evaluate", "--model", tmp_path / "policy", "--input", rows),
    *("--workdir", tmp_path / "run"),
  )
  assert (code, len(err)) == (2, 1)
  assert "policy" in err[0]
