"""Our labels in the forms of others, and back."""

import hypothesis
import pytest
from hypothesis import strategies as st

from prm_jax import errors
from prm_jax.data import records
from prm_jax.data.formats import export, math_shepherd, rows, trl

TAG = math_shepherd.TAG
PROBLEM = records.Problem("p", "t", "How much is 2 + 2?", None)
STEP = st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(
  str.strip
)


def labels(steps, **given):
  none = (0,) * len(steps)
  values = {"n_correct": none, "n_total": none, **given}
  return records.StepLabels(
    problem_id="p", completer="", steps=tuple(steps), **values
  )


def read_back(form, tmp_path, *made):
  path = tmp_path / "rows.jsonl"
  export.write(path, made)
  return rows.read(form, path).records


@hypothesis.given(
  pairs=st.lists(st.tuples(STEP, st.sampled_from([0, 1, None])), min_size=1)
)
def test_trl_round_trip_of_classes(pairs):
  steps, classes = zip(*pairs, strict=True)
  row = export.trl_row(PROBLEM, labels(steps, hard=classes))
  (found,) = trl.parse(row, "", rows.Reader(trl.FORMAT, "").told)
  assert found.labels.steps == steps
  assert found.labels.hard == classes
  assert found.problem.prompt == PROBLEM.prompt


def test_trl_round_trip_of_a_file(tmp_path):
  counts = labels(["a", "b"], n_correct=(3, 0), n_total=(4, 0))
  row = export.trl_row(PROBLEM, counts)
  assert row["labels"] == [0.75, -100]  # nothing is known of the second
  (found,) = read_back(trl.FORMAT, tmp_path, row)
  assert found.labels.soft == (0.75, None)


def test_trl_labels_stop_at_the_first_error():
  row = export.trl_row(PROBLEM, labels("abc", hard=(1, 0, 0), first_error=1))
  assert row["labels"] == [True, False, -100]


@hypothesis.given(
  pairs=st.lists(
    st.tuples(STEP.filter(lambda s: TAG not in s), st.integers(0, 1)),
    min_size=1,
  )
)
def test_math_shepherd_round_trip(pairs):
  steps, classes = zip(*pairs, strict=True)
  named = [f"Step {k}: {one}".strip() for k, one in enumerate(steps, 1)]
  hypothesis.assume(sum("tep 1:" in one for one in named) == 1)
  row = export.math_shepherd_row(PROBLEM, labels(named, hard=classes))
  signs = "".join("+" if value else "-" for value in classes)
  assert row["input"].count(TAG) == len(steps)
  assert len(row["label"]) == len(row["input"]) - len(steps)
  told = rows.Reader(math_shepherd.FORMAT, "").told
  (found,) = math_shepherd.parse(row, "", told)
  assert found.problem.prompt == PROBLEM.prompt
  assert found.labels.steps == tuple(named)
  assert "".join("+" if v else "-" for v in found.labels.hard) == signs


def test_math_shepherd_strings_by_hand():
  made = labels(["2 + 2 = 4", "So 4"], n_correct=(2, 0), n_total=(8, 8))
  row = export.math_shepherd_row(PROBLEM, made)
  assert row == {
    "input": f"How much is 2 + 2? Step 1: 2 + 2 = 4 {TAG}\nStep 2: So 4 {TAG}",
    "label": "How much is 2 + 2? Step 1: 2 + 2 = 4 +\nStep 2: So 4 -",
    "task": "t",
  }


@pytest.mark.parametrize(
  ("made", "told"),
  [
    (labels("ab", soft=(0.5, 0.5)), "soft: a probability has no sign"),
    (labels("ab", hard=(1, None)), r"steps\[1\]: has no label"),
    (labels([f"a {TAG}"], hard=(1,)), "holds the tag"),
  ],
)
def test_what_math_shepherd_cannot_say(made, told):
  with pytest.raises(errors.UserError, match=told):
    export.math_shepherd_row(PROBLEM, made)
