"""The batches: every example whole and once, resumable, shardable."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.data import examples as examples_lib
from prm_jax.data import pipeline

LAYOUTS = {
  "pack": {"layout": "pack", "length": 24},
  "pad": {"layout": "bucket", "length": 12},
  "bucket": {"layout": "bucket", "length": 12, "boundaries": (6, 9, 12)},
}


def make_examples(num=57, seed=0, num_groups=8):
  """Example i holds tokens 100 i + 1, 100 i + 2, ...: told apart anywhere."""
  rng = np.random.default_rng(seed)
  rows = []
  for index, length in enumerate(rng.integers(3, 13, num)):
    tokens = 100 * index + 1 + np.arange(length, dtype=np.int32)
    rows.append(
      {
        "tokens": tokens,
        "targets": tokens.astype(np.float32) / 2,
        "weights": np.ones(length, np.float32),
      }
    )
  return examples_lib.from_dicts(rows, groups=np.arange(num) % num_groups)


def config(name, **changes):
  arguments = {"batch_size": 4, "seed": 3, "prefetch": 0, **LAYOUTS[name]}
  return pipeline.PipelineConfig(**{**arguments, **changes})


def segments(batch):
  """The (row, segment) sub-arrays of a batch as dictionaries."""
  found = []
  for row in range(len(batch["tokens"])):
    ids = batch["segment_ids"][row]
    found += [
      {name: column[row][ids == segment] for name, column in batch.items()}
      for segment in range(1, ids.max(initial=0) + 1)
    ]
  return found


def example_numbers(batches):
  return [int(s["tokens"][0]) // 100 for b in batches for s in segments(b)]


def assert_same(left, right):
  assert left.keys() == right.keys()
  for name in left:
    np.testing.assert_array_equal(left[name], right[name])


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_example_is_whole_and_once_per_epoch(name):
  examples = make_examples()
  batches = list(pipeline.make_iterator(examples, config(name, num_epochs=1)))
  seen = sorted(example_numbers(batches))
  assert seen == list(range(len(examples)))
  for batch in batches:
    for segment in segments(batch):
      wanted = examples[int(segment["tokens"][0]) // 100]
      for column, values in wanted.items():
        np.testing.assert_array_equal(segment[column], values)
      length = len(wanted["tokens"])
      np.testing.assert_array_equal(segment["positions"], np.arange(length))


@pytest.mark.parametrize("name", LAYOUTS)
def test_padding_is_zero_and_dtypes_are_kept(name):
  for batch in pipeline.make_iterator(
    make_examples(), config(name, num_epochs=1)
  ):
    empty = batch["segment_ids"] == 0
    for column in batch.values():
      assert not column[empty].any()
    kinds = {name: column.dtype for name, column in batch.items()}
    assert kinds == {
      "tokens": np.int32,
      "targets": np.float32,
      "weights": np.float32,
      "positions": np.int32,
      "segment_ids": np.int32,
    }


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("name", LAYOUTS)
def test_restored_iterator_continues_with_the_same_batches(name, prefetch):
  examples, settings = make_examples(), config(name, prefetch=prefetch)
  first = pipeline.make_iterator(examples, settings)
  for _ in range(17):  # into the second or third epoch
    next(first)
  state = first.get_state()
  wanted = [next(first) for _ in range(25)]
  second = pipeline.make_iterator(examples, settings)
  next(second)
  second.set_state(state)
  for batch in wanted:
    assert_same(next(second), batch)


@pytest.mark.parametrize("name", LAYOUTS)
def test_processes_share_the_batch_of_one_process(name):
  examples = make_examples()
  whole = pipeline.make_iterator(examples, config(name))
  parts = [
    pipeline.make_iterator(
      examples, config(name), process_index=index, process_count=2
    )
    for index in range(2)
  ]
  for _ in range(20):
    rows = [next(part) for part in parts]
    joined = {k: np.concatenate([r[k] for r in rows]) for k in rows[0]}
    assert_same(joined, next(whole))


def test_epochs_differ_unless_fixed_and_seeds_differ():
  examples = make_examples()

  def epochs(order, seed):
    settings = config("pad", order=order, num_epochs=2, seed=seed)
    numbers = example_numbers(pipeline.make_iterator(examples, settings))
    return numbers[: len(examples)], numbers[len(examples) :]

  first, second = epochs("random", 0)
  assert first != second
  assert epochs("random", 1)[0] != first
  assert epochs("random", 0) == (first, second)
  first, second = epochs("fixed", 0)
  assert first == second


def test_packing_mixes_new_examples_into_a_row_each_epoch():
  settings = config("pack", num_epochs=2)
  batches = list(pipeline.make_iterator(make_examples(), settings))
  half = len(batches) // 2

  def rows(part):
    return {
      tuple(sorted(example_numbers([{k: v[[r]] for k, v in b.items()}])))
      for b in part
      for r in range(len(b["tokens"]))
    }

  assert len(rows(batches[:half]) & rows(batches[half:])) < half


def test_order_problem_keeps_solutions_of_a_problem_together():
  examples = make_examples(num=56, num_groups=8)
  settings = config("pad", order="problem", batch_size=7, num_epochs=2)
  batches = list(pipeline.make_iterator(examples, settings))
  orders = []
  for epoch in (batches[:8], batches[8:]):
    groups = [{n % 8 for n in example_numbers([batch])} for batch in epoch]
    assert all(len(group) == 1 for group in groups)
    orders.append([group.pop() for group in groups])
  assert sorted(orders[0]) == list(range(8))
  assert orders[0] != orders[1]


def test_endless_iterator_fills_the_last_batch_with_examples():
  batches = pipeline.Batches(make_examples(num=5), config("pad", batch_size=4))
  assert batches.batches_per_epoch == 2
  for index in range(4):
    assert len(segments(batches[index])) == 4
  epoch = example_numbers([batches[0], batches[1]])
  assert set(epoch) == set(range(5))


def test_more_rows_in_a_batch_than_examples():
  batches = pipeline.Batches(make_examples(num=2), config("pad", batch_size=8))
  assert set(example_numbers([batches[0]])) == {0, 1}


def test_long_examples_stop_or_are_dropped():
  examples = make_examples()
  with pytest.raises(errors.UserError, match=r"data.length: \d+ of 57 exam"):
    pipeline.make_iterator(examples, config("pad", length=7))
  kept = example_numbers(
    pipeline.make_iterator(
      examples, config("pad", length=7, too_long="drop", num_epochs=1)
    )
  )
  short = np.flatnonzero(examples.lengths <= 7).tolist()
  assert sorted(kept) == short


@pytest.mark.parametrize(
  ("changes", "field"),
  [
    ({"batch_size": 0}, "batch_size"),
    ({"num_epochs": 0}, "num_epochs"),
    ({"boundaries": (4,), "layout": "pack"}, "boundaries"),
    ({"boundaries": (40,)}, "boundaries"),
    ({"order": "problem", "boundaries": (6, 12)}, "order"),
  ],
)
def test_impossible_settings_name_the_field(changes, field):
  with pytest.raises(errors.UserError, match=f"data.{field}:"):
    config("pad", **changes)


def test_batch_that_does_not_divide_over_processes():
  with pytest.raises(errors.UserError, match=r"data.batch_size: 4"):
    pipeline.make_iterator(make_examples(), config("pad"), process_count=3)


def test_padding_share_counts_empty_slots():
  batches = list(
    pipeline.make_iterator(make_examples(), config("pad", num_epochs=1))
  )
  used = sum(int((b["tokens"] > 0).sum()) for b in batches)
  slots = sum(b["tokens"].size for b in batches)
  assert pipeline.padding_share(batches) == 1 - used / slots


def test_packing_and_buckets_pad_less_than_plain_padding():
  examples = make_examples(num=400)
  share = {
    name: pipeline.padding_share(
      pipeline.make_iterator(examples, config(name, num_epochs=1))
    )
    for name in LAYOUTS
  }
  assert share["pack"] < share["bucket"] < share["pad"]
