"""`prm-jax label --policy DIR`: a public checkpoint completes prefixes."""

import json

import pytest

from prm_jax.cli import label_files
from prm_jax.data import record_files, records
from tests.checkpoint import folders

SMALL = (
  "--config.task.max_steps=3",
  "--config.task.max_step_tokens=8",
  "--config.solver.max_tokens=20",
  "--config.solver.batch_size=3",
  "--config.rollouts.num=3",
  "--config.steps.delimiters=e",
)
QUESTION = "What is 2 + 2?"
SOLUTIONS = (
  ["2 + 2 = 4", "#### 4"],
  ["2 + 2 = 5", "#### 5"],
)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
  path = tmp_path_factory.mktemp("policy") / "tiny-qwen"
  folders.qwen2(path, sharpness=2.0)
  return path


def test_steps_of_texts_are_labelled(policy, tmp_path, prm):
  lines = [
    {"question": QUESTION, "steps": steps, "answer": "4"} for steps in SOLUTIONS
  ]
  file = folders.questions(tmp_path / "solutions.jsonl", *lines)
  work = tmp_path / "run"
  flags = ("--policy", policy, "--input", file, "--workdir", work)
  code, _, err = prm("label", "--config", "rollouts:questions", *flags, *SMALL)
  assert (code, err) == (0, [])
  path = work / label_files.LABELS
  found = record_files.read(path, records.StepLabels).records
  assert [list(one.steps) for one in found] == list(SOLUTIONS)
  for one in found:
    assert one.completer == "tiny-qwen"
    assert one.n_total == (3, 1)  # the last step by its answer
    assert 0 <= one.n_correct[0] <= 3
  assert [one.n_correct[1] for one in found] == [1, 0]
  cost = json.loads((work / label_files.STATS).read_text())["cost"]
  assert cost["completions"] == 3 * cost["states"] == 6
  assert 6 <= cost["policy_tokens"] <= 6 * 20


def test_a_verifier_completes_nothing(tmp_path, prm):
  folders.qwen_prm(tmp_path / "verifier")
  line = {"question": QUESTION, "steps": ["4"], "answer": "4"}
  file = folders.questions(tmp_path / "solutions.jsonl", line)
  code, _, err = prm(
    *("label", "--config", "rollouts:questions", "--input", file),
    *("--policy", tmp_path / "verifier", "--workdir", tmp_path / "run"),
  )
  assert (code, len(err)) == (2, 1)
  assert "--policy" in err[0]
