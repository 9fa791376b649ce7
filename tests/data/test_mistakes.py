"""Mistakes that others made with step labels, by their numbers."""

import json

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.data import examples, pipeline, public, records, step_values
from prm_jax.data.formats import rows, trl
from prm_jax.labelling import targets
from prm_jax.text import steps as steps_lib


def encode(prompt, steps):
  """One token per character; steps are closed by 1."""
  tokens, ends = [ord(c) for c in prompt], []
  for step in steps:
    tokens += [*(ord(c) for c in step), 1]
    ends.append(len(tokens) - 1)
  return steps_lib.EncodedSolution(
    np.array(tokens, np.int32), len(prompt), np.array(ends, np.int32)
  )


def made(tmp_path, *values):
  """Examples of TRL rows whose prompts are letters, steps `a`, `bb`, ..."""
  path = tmp_path / "rows.jsonl"
  steps = ["a", "bb", "ccc", "dddd"]
  lines = [
    {"prompt": p, "completions": steps[: len(v)], "labels": v}
    for p, v in zip("PQRS", values, strict=False)
  ]
  path.write_text("\n".join(map(json.dumps, lines)))
  config = public.SourceConfig("trl", str(path))
  found = public.labelled(config, None, tmp_path)
  return targets.from_labels(encode, found.problems, found.labels)


def supervised(example):
  """The labels that a loss sees."""
  return example["targets"][example["weights"] > 0].tolist()


def test_mistake_2_an_ignored_label_is_not_true(tmp_path):
  """-100 as a truth value is true; here the step has no loss."""
  found = made(tmp_path, [True, -100, False])
  assert supervised(found[0]) == [1, 0]
  assert found[0]["targets"].dtype == np.int32
  ends = np.flatnonzero(found[0]["weights"])
  assert ends.tolist() == [2, 9]  # behind `a` and `ccc`, not behind `bb`


def test_mistake_2_a_probability_is_not_cut_to_a_class(tmp_path):
  """0.7 as a whole number is 0; one such row makes all rows probabilities."""
  found = made(tmp_path, [0.7, 0.2], [True, False], [-100, 0.5])
  assert found.columns["targets"].dtype == np.float32
  assert supervised(found[0]) == pytest.approx([0.7, 0.2])
  assert supervised(found[1]) == [1, 0]
  assert supervised(found[2]) == [0.5]


def test_mistake_2_a_step_without_completions_is_not_wrong():
  label = records.StepLabels("p", (0, 0), (0, 4), "c", steps=("a", "b"))
  values, given = step_values.values(label)
  assert values.tolist() == [0, 0]
  assert given.tolist() == [False, True]


def test_mistake_3_no_label_is_cut_off(tmp_path):
  """An example longer than a row is refused or left out whole."""
  found = made(tmp_path, [True, False], [True, True, True, False])
  assert found.lengths.tolist() == [6, 15]
  config = {"batch_size": 1, "length": 10, "num_epochs": 1, "prefetch": 0}
  with pytest.raises(errors.UserError, match=r"1 of 2 examples are longer"):
    pipeline.Batches(found, pipeline.PipelineConfig(**config))
  batches = pipeline.Batches(
    found, pipeline.PipelineConfig(**config, too_long="drop")
  )
  (batch,) = [batches[i] for i in range(len(batches))]
  assert batch["targets"][batch["weights"] > 0].tolist() == [1, 0]
  wide = {**config, "length": 15, "layout": "bucket"}
  batches = pipeline.Batches(found, pipeline.PipelineConfig(**wide))
  total = sum((batches[i]["weights"] > 0).sum() for i in range(len(batches)))
  assert total == 6


def test_labels_behind_the_first_error_have_no_loss():
  label = records.StepLabels(
    *("P", (0,) * 3, (0,) * 3, ""),
    steps=("a", "b", "c"),
    hard=(1, 0, 1),
    first_error=1,
  )
  problems = {"P": records.Problem("P", "t", "P", None)}
  found = targets.from_labels(encode, problems, [label])
  assert supervised(found[0]) == [1, 0]


def test_a_step_that_cannot_be_encoded_is_named():
  def refuse(prompt, steps):
    raise errors.UserError("steps[0]: the step is empty")

  label = records.StepLabels("P", (0,), (1,), "", steps=("a",))
  problems = {"P": records.Problem("P", "t", "P", None)}
  with pytest.raises(errors.UserError, match=r"labels\[0\].steps\[0\]: the"):
    targets.from_labels(refuse, problems, [label])


@pytest.mark.parametrize("layout", ["pack", "bucket"])
def test_order_is_the_same_for_one_and_four_processes(layout, tmp_path):
  """Batches of one process are those of four, put together."""
  values = [[True, False], [True], [False, True, True], [True, True]]
  found = made(tmp_path, *values)
  found = found.take(np.arange(64) % len(found))
  columns = {**found.columns, "index": np.repeat(np.arange(64), found.lengths)}
  found = examples.Examples(columns, found.offsets, found.groups)
  config = pipeline.PipelineConfig(
    batch_size=8, length=24, layout=layout, seed=3, prefetch=0
  )
  whole = pipeline.Batches(found, config)
  parts = [
    pipeline.Batches(found, config, process_index=i, process_count=4)
    for i in range(4)
  ]
  # Two epochs: each has its own order.
  for number in range(2 * whole.batches_per_epoch):
    for name in ("tokens", "targets", "weights", "index"):
      joined = np.concatenate([part[number][name] for part in parts])
      np.testing.assert_array_equal(joined, whole[number][name])


def test_a_shuffle_depends_on_its_seed(tmp_path):
  found = made(tmp_path, [True], [False], [True, True], [False, False])
  found = found.take(np.arange(64) % len(found))
  orders = [
    pipeline.Batches(
      found,
      pipeline.PipelineConfig(batch_size=8, length=24, seed=seed, prefetch=0),
    )[0]["tokens"].tolist()
    for seed in (0, 0, 1)
  ]
  assert orders[0] == orders[1] != orders[2]


def test_reading_twice_gives_the_same_records(tmp_path, project_root):
  path = project_root / "tests" / "testdata" / "trl.jsonl"
  assert rows.read(trl.FORMAT, path) == rows.read(trl.FORMAT, path)
