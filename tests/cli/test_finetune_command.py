"""`prm-jax train` from a public checkpoint: adapters, verifiers, policies."""

import json

import numpy as np
import pytest

from prm_jax.build import models, native, readers
from prm_jax.checkpoint import hf
from prm_jax.cli import train
from prm_jax.data import record_files, records
from prm_jax.models import reads
from prm_jax.train import writers
from tests.checkpoint import folders
from tests.cli import outputs

PROBLEM = records.Problem("p/1", "questions", "What is 2 + 2?", "4")
GOOD, BAD = ("Step 1: 2 + 2 = 4.", "Answer: 4"), ("Step 1: 2 + 2 = 5.",)
SMALL = (
  "--config.data.boundaries=(64,)",
  "--config.data.length=64",
  "--config.data.batch_size=2",
  "--config.fit.num_steps=6",
  "--config.fit.log_every=1",
  "--config.fit.save_every=3",
  "--config.optim.learning_rate=0.05",
  "--config.optim.warmup_steps=0",
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
  """Flags that name the records."""
  path = tmp_path_factory.mktemp("records")
  record_files.write(path / "problems.jsonl", [PROBLEM])
  labels = [
    records.StepLabels(
      "p/1",
      (0,) * len(steps),
      (0,) * len(steps),
      "human",
      steps=steps,
      hard=hard,
    )
    for steps, hard in ((GOOD, (1, 1)), (BAD, (0,)))
  ]
  record_files.write(path / "labels.jsonl", labels)
  solutions = [
    records.Solution("p/1", steps, correct=correct)
    for steps, correct in ((GOOD, True), (BAD, False))
  ]
  record_files.write(path / "solutions.jsonl", solutions)
  return tuple(
    f"--config.examples.{kind}={path / kind}.jsonl"
    for kind in ("problems", "labels", "solutions")
  )


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
  path = tmp_path_factory.mktemp("policy") / "policy"
  folders.qwen2(path)
  return path


def run(prm, policy, objective, workdir, files, *flags):
  command = ("train", "--config", f"finetune:{objective}", "--policy", policy)
  return prm(*command, "--workdir", workdir, *files, *SMALL, *flags)


def losses(workdir):
  rows = outputs.curve(workdir / writers.FILE)
  return [row["train/loss"] for row in rows if "train/loss" in row]


def flat(tree, prefix=""):
  for name, value in tree.items():
    if isinstance(value, dict):
      yield from flat(value, f"{prefix}{name}/")
    else:
      yield f"{prefix}{name}", np.asarray(value)


def test_adapters_and_a_new_head(policy, files, tmp_path, prm):
  """Nothing else is trained or kept; the merged model is a verifier."""
  workdir = tmp_path / "run"
  more = ("--config.lora.rank=2", "--config.export=hf")
  code, _, err = run(prm, policy, "step", workdir, files, *more)
  assert code == 0, err
  curve = losses(workdir)
  assert curve[-1] < 0.8 * curve[0]

  leaves = workdir / train.CHECKPOINTS / "6" / "leaves" / "metadata"
  kept = json.loads(leaves.read_text())["leaves"]
  own = [path for path in kept if path.startswith("params/")]
  assert own
  assert all("adapters" in path or "value_head" in path for path in own)

  before = dict(flat(models.load(policy, "policy").params))
  after = dict(flat(models.load(workdir / "model", "model").params))
  changed = {
    path
    for path in after.keys() & before.keys()
    if not np.array_equal(after[path], before[path])
  }
  at = "params/trunk/layers/attention"
  assert changed == {f"{at}/query/kernel", f"{at}/value/kernel"}

  reader = readers.load(workdir / "model")
  encoded = reader.encode(PROBLEM.prompt, GOOD)
  assert len(encoded.step_end) == 2
  assert reader.max_tokens == folders.CONTEXT
  exported = hf.load(workdir / "hf")
  assert exported.config.value_head == "step"
  for path, leaf in flat(exported.params):
    np.testing.assert_array_equal(leaf, after[path])
  for name in ("tokenizer.json", "generation_config.json"):
    assert (workdir / "hf" / name).exists()


def test_a_fine_tuned_verifier_guides_its_policy(policy, files, tmp_path, prm):
  code, _, err = run(prm, policy, "step", tmp_path / "prm", files)
  assert code == 0, err
  questions = folders.questions(
    tmp_path / "q.jsonl", {"question": PROBLEM.prompt, "answer": "4"}
  )
  flags = ("--policy", policy, "--verifier", tmp_path / "prm" / "model")
  code, _, err = prm(
    "search", "--config", "questions_search:best_of_n", *flags,
    "--input", questions, "--workdir", tmp_path / "search",
    "--config.solver.max_tokens=16", "--config.task.max_steps=2",
    "--config.task.max_step_tokens=8", "--config.solver.batch_size=1",
    "--config.search.num_rows=2",
  )  # fmt: skip
  assert code == 0, err
  text = (tmp_path / "search" / "samples.jsonl").read_text()
  (sample,) = map(json.loads, text.splitlines())
  assert all(0 < row["score"] < 1 for row in sample["rows"])


def test_a_start_does_not_say_how_it_is_read(policy, files, tmp_path, prm):
  """One whose scores were log-ratios, or verdicts, and calibrated."""
  begun = models.load(policy, "policy")
  said = {"reference": "gone", "beta": 0.1, native.JUDGEMENT: {}}
  extra = {**begun.extra, **said, native.CALIBRATION: {}}
  models.save(tmp_path / "begun", begun._replace(extra=extra), tmp_path)
  flags = ("--config.fit.num_steps=1", "--config.fit.save_every=1")
  code, _, err = run(
    *(prm, tmp_path / "begun", "step", tmp_path / "prm", files, *flags)
  )
  assert code == 0, err
  reader = readers.load(tmp_path / "prm" / "model")
  assert isinstance(reader.reading, reads.Values)
  assert reader.max_tokens == folders.CONTEXT


def test_a_policy_learns_solutions_and_their_end(policy, files, tmp_path, prm):
  workdir = tmp_path / "run"
  more = (
    "--config.export=hf",
    "--config.lora.rank=4",
    "--config.data.length=128",
    "--config.data.boundaries=(128,)",
  )
  code, _, err = run(prm, policy, "sft", workdir, files, *more)
  assert code == 0, err
  curve = losses(workdir)
  assert curve[-1] < curve[0]
  assert models.load(workdir / "hf", "hf").model.config.use_lm_head


@pytest.mark.parametrize(
  ("flag", "told"),
  [
    ("lora.rank=40", "lora.rank: 40 is more than a side of"),
    ("lora.rank=-1", "lora.rank: must be at least 0"),
    ("export=gguf", "export: 'gguf' is not 'hf' or empty"),
    ("examples.labels=", "examples.labels: no file given"),
    ("lora.targets=qkv", "lora.targets: 'qkv' is not one of q_proj"),
    ("encoding.ending=end", "encoding.ending: 'end' is not one of"),
  ],
)
def test_a_bad_field(flag, told, policy, files, tmp_path, prm):
  flags = (f"--config.{flag}",)
  code, _, err = run(prm, policy, "step", tmp_path / "run", files, *flags)
  assert (code, len(err)) == (2, 1), err
  assert told in err[0]


def test_a_head_that_transformers_has_not(policy, files, tmp_path, prm):
  """Told before anything is trained."""
  flags = ("--config.export=hf",)
  code, _, err = run(prm, policy, "ovm", tmp_path / "run", files, *flags)
  assert (code, len(err)) == (2, 1), err
  assert "files of transformers hold" in err[0]
  assert not (tmp_path / "run" / "metrics.jsonl").exists()
