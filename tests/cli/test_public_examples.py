"""Step verifiers from the labels of public data sets."""

import dataclasses
import inspect
import json

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.build import encoding
from prm_jax.cli import config_file, examples, public_examples
from prm_jax.configs import public_labels
from prm_jax.data.formats import export, registry, rows, trl
from prm_jax.tasks import chain
from prm_jax.text import hf_tokenizer
from tests.text import tiny_hf


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
  folder = tmp_path_factory.mktemp("qwen")
  tiny_hf.write_qwen(folder)
  return hf_tokenizer.load(folder)


@pytest.fixture
def load(qwen, tmp_path, project_root):
  """Examples of a format's small file in the tokens of a checkpoint."""

  def run(form, file, *changes):
    path = project_root / "tests" / "testdata" / file
    config = config_file.load(
      f"public_labels:{form}", (("source.path", str(path)), *changes)
    )
    return public_examples.load(config, qwen, tmp_path)[0]

  return run


def labelled(found, index):
  example = found[index]
  return example["targets"][example["weights"] > 0].tolist()


@pytest.mark.parametrize(
  ("form", "file", "count", "first"),
  [
    ("trl", "trl.jsonl", 4, [1, 0]),
    ("math_shepherd", "math_shepherd.jsonl", 2, [1, 0, 0]),
    ("prm800k", "prm800k.jsonl", 8, [1, 1]),
    ("math_aps", "math_aps_flat.jsonl", 4, [0.75, 0.25]),
    ("process_bench", "process_bench.jsonl", 3, [1, 0]),
    ("prm_bench", "prm_bench.jsonl", 3, [1, 0, 0, 1]),
  ],
)
@pytest.mark.parametrize("storage", ["rows", "array_record"])
def test_labels_of_every_format(storage, form, file, count, first, load):
  found = load(form, file, ("source.storage", storage))
  assert len(found) == count
  assert labelled(found, 0) == first


def test_held_out_labels(qwen, tmp_path, project_root):
  path = project_root / "tests" / "testdata" / "trl.jsonl"
  flags = (("source.path", str(path)), ("source.eval_path", str(path)))
  config = config_file.load("public_labels:trl", flags)
  train, held_out = public_examples.load(config, qwen, tmp_path)
  assert held_out is not None
  assert labelled(held_out, 1) == labelled(train, 1) == pytest.approx([0.7, 0])


def test_a_label_is_read_at_the_last_token_of_the_separator(load, qwen):
  """TRL's way: prompt, then each step and separator in their own tokens."""
  found = load("trl", "trl.jsonl")
  want = qwen.encode("Blue's age?")
  ends = []
  for step in ("Step 1: 3x.", "Step 2: x=4."):
    want += qwen.encode(step) + qwen.encode("\n")
    ends.append(len(want) - 1)
  assert found[0]["tokens"].tolist() == want
  assert np.flatnonzero(found[0]["weights"]).tolist() == ends


def test_outcome_objectives_read_judged_solutions(load):
  found = load("reward_math", "reward_math.json", ("objective.name", "orm"))
  assert [labelled(found, i) for i in range(5)] == [[1], [0], [0], [0], [1]]


@pytest.mark.parametrize(
  ("form", "changes", "told"),
  [
    ("trl", [("encoding.joining", "string")], None),
    (
      "trl",
      [("encoding.separator", "\n"), ("encoding.single_token", "True")],
      None,
    ),
    (
      "trl",
      [("encoding.separator", "<|s|>"), ("encoding.single_token", "True")],
      "encoding.separator: '<|s|>' has to be one token",
    ),
    ("trl", [("encoding.joining", "glue")], "encoding.joining: 'glue' is not"),
    ("trl", [("source.format", "hf")], "source.format: no format 'hf'"),
    ("trl", [("source.path", "")], "source.path: no file given for trl"),
    (
      "prm800k",
      [("source.options.neutral", "maybe")],
      "source.options.neutral: 'maybe' is not one of 'correct'",
    ),
    ("gsm8k", [], "source.format: gsm8k has no labels of steps"),
  ],
)
def test_switches_and_mistakes(form, changes, told, load):
  file = "trl.jsonl" if form == "trl" else f"{form}.jsonl"
  if told is None:
    assert len(load(form, file, *changes)) == 4
    return
  with pytest.raises(errors.UserError) as error:
    load(form, file, *changes)
  assert told in str(error.value)
  assert "\n" not in str(error.value)


def test_config_without_the_groups(tiny, tmp_path):
  config = config_file.load(tiny("policy"), (("examples.source", "public"),))
  task = chain.Chain(chain.Config(num_problems=2))
  with pytest.raises(errors.UserError, match="config's group 'source'"):
    examples.load(config, task, task.tokenizer(), tmp_path)


def test_options_of_the_config_are_those_of_the_formats():
  assert {
    name: dataclasses.asdict(entry.options())
    for name, entry in registry.FORMATS.items()
  } == public_labels.OPTIONS
  own = public_labels.get_config().encoding.to_dict()
  assert own == dataclasses.asdict(encoding.EncodingConfig())
  names = inspect.signature(public_examples.SourceGroup).parameters
  assert set(public_labels.get_config().source) == set(names)


def test_training_on_exported_labels_of_the_oracle(tmp_path, prm):
  """The whole way: oracle, TRL's file, `train`."""
  task = chain.Chain(
    chain.Config(modulus=3, num_addends=4, num_problems=20, error_rate=0.5)
  )
  rng = np.random.default_rng(0)
  made = []
  for problem in task.problems("train"):
    for steps in task.demonstrations(problem, rng, 4):
      valid = task.oracle(problem, steps).valid
      made.append(trl.dump(problem.prompt, steps, [int(v) for v in valid]))
  path = tmp_path / "chain.jsonl"
  export.write(path, made)
  wrong = sum(not all(row["labels"]) for row in made)
  assert 0 < wrong < len(made)
  assert len(rows.read(trl.FORMAT, path).records) == len(made)
  flags = (
    f"source.path={path}",
    "task.error_rate=0.5",
    "model.num_layers=1",
    "model.embed_dim=32",
    "model.head_dim=16",
    "model.mlp_dim=64",
    "data.batch_size=16",
    "fit.num_steps=12",
    "fit.log_every=1",
    "optim.warmup_steps=1",
  )
  workdir = tmp_path / "run"
  code, _, err = prm(
    *("train", "--config", "public_labels:trl", "--workdir", workdir),
    *(f"--config.{flag}" for flag in flags),
  )
  assert code == 0, err
  curve = [
    json.loads(line)
    for line in (workdir / "metrics.jsonl").read_text().splitlines()
  ]
  losses = [row["train/loss"] for row in curve if "train/loss" in row]
  assert losses[0] == pytest.approx(np.log(2), abs=0.02)
  assert losses[-1] < 0.9 * losses[0]
