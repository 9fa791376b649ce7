"""What is supervised is what is read, for every objective."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.data import transforms
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib

TOKENIZER = tokenizer_lib.number_tokenizer(20)
SOLUTION = steps_lib.encode_solution(
  TOKENIZER, "1 2 4 :", ["1 + 2 = 3 | 3 4", "3 + 4 = 7 | 7"]
)
LENGTH = len(SOLUTION.tokens)
WRITTEN = LENGTH - SOLUTION.prompt_length
EMPTY = steps_lib.EncodedSolution(
  np.array([5, 6], np.int32), 2, np.array([], np.int32)
)


def supervised(example):
  return np.flatnonzero(example["weights"]).tolist()


def test_sft_predicts_each_solution_token_from_the_one_before():
  example = transforms.to_sft(SOLUTION)
  np.testing.assert_array_equal(example["tokens"], SOLUTION.tokens[:-1])
  np.testing.assert_array_equal(example["targets"], SOLUTION.tokens[1:])
  read = np.array(supervised(example))
  np.testing.assert_array_equal(
    example["targets"][read], SOLUTION.tokens[SOLUTION.prompt_length :]
  )
  assert read[0] == SOLUTION.prompt_length - 1
  assert TOKENIZER.eos_id in example["targets"][read]


def test_values_are_read_at_the_token_itself():
  """The closing token of a step carries the label of that step."""
  ends = SOLUTION.step_end
  closers = [TOKENIZER.step_id, TOKENIZER.eos_id]
  n_correct = np.arange(WRITTEN)
  at_tokens = {
    "tvm": transforms.to_token_values(
      SOLUTION, n_correct, np.full(WRITTEN, WRITTEN)
    ),
    "ovm": transforms.to_ovm(SOLUTION, True),
    "hard": transforms.to_step_labels(SOLUTION, [1, 0]),
    "soft": transforms.to_step_labels(SOLUTION, [0.25, 0.5]),
  }
  for example in at_tokens.values():
    assert example["tokens"][ends].tolist() == closers
    np.testing.assert_array_equal(example["tokens"], SOLUTION.tokens)
    assert set(ends.tolist()) <= set(supervised(example))
  np.testing.assert_allclose(
    at_tokens["tvm"]["targets"][ends],
    (ends - SOLUTION.prompt_length) / WRITTEN,
    rtol=1e-6,
  )
  assert supervised(at_tokens["hard"]) == ends.tolist()
  assert at_tokens["hard"]["targets"][ends].tolist() == [1, 0]
  assert at_tokens["soft"]["targets"][ends].tolist() == [0.25, 0.5]
  assert supervised(transforms.to_orm(SOLUTION, True)) == [ends[-1]]


@pytest.mark.parametrize(
  "example",
  [
    transforms.to_ovm(SOLUTION, True),
    transforms.to_orm(SOLUTION, True),
    transforms.to_token_values(SOLUTION, np.ones(WRITTEN), np.ones(WRITTEN)),
  ],
)
def test_prompts_are_masked(example):
  assert min(supervised(example)) >= SOLUTION.prompt_length
  hidden = example["weights"] == 0
  assert not example["targets"][hidden].any()
  assert (example["targets"][~hidden] == 1).all()


def test_orm_supervises_nothing_where_nothing_was_written():
  assert not supervised(transforms.to_orm(EMPTY, False))


def test_dtypes():
  for example, kind in [
    (transforms.to_sft(SOLUTION), np.int32),
    (transforms.to_orm(SOLUTION, True), np.float32),
    (transforms.to_step_labels(SOLUTION, [1, 0]), np.int32),
    (transforms.to_step_labels(SOLUTION, [True, False]), np.int32),
    (transforms.to_step_labels(SOLUTION, [1.0, 0.0]), np.float32),
  ]:
    assert example["tokens"].dtype == np.int32
    assert example["targets"].dtype == kind
    assert example["weights"].dtype == np.float32


def test_unvisited_tokens_are_not_supervised():
  n_total = np.zeros(WRITTEN, np.int64)
  n_total[2] = 4
  example = transforms.to_token_values(SOLUTION, n_total // 2, n_total)
  assert supervised(example) == [SOLUTION.prompt_length + 2]
  assert example["targets"][SOLUTION.prompt_length + 2] == 0.5


def test_steps_after_the_first_error_are_not_supervised():
  ends = SOLUTION.step_end.tolist()
  for first_error, wanted in [(0, ends[:1]), (1, ends), (-1, ends)]:
    example = transforms.to_step_labels(
      SOLUTION, [0, 1], first_error=first_error
    )
    assert supervised(example) == wanted


def test_labels_after_the_first_error_change_nothing():
  masked = [
    transforms.to_step_labels(SOLUTION, [0, label], first_error=0)
    for label in (0, 1)
  ]
  for name in ("weights", "tokens"):
    np.testing.assert_array_equal(masked[0][name], masked[1][name])
  read = masked[0]["weights"] > 0
  np.testing.assert_array_equal(
    masked[0]["targets"][read], masked[1]["targets"][read]
  )


@pytest.mark.parametrize(
  "transform",
  [
    lambda r: transforms.to_sft(SOLUTION, reduction=r),
    lambda r: transforms.to_ovm(SOLUTION, True, reduction=r),
    lambda r: transforms.to_step_labels(SOLUTION, [1, 0], reduction=r),
  ],
)
def test_reduction_sets_the_weights(transform):
  token, total, sequence = map(transform, ("token", "sum", "sequence"))
  np.testing.assert_array_equal(token["weights"], total["weights"])
  assert set(token["weights"].tolist()) <= {0.0, 1.0}
  assert sequence["weights"].sum() == pytest.approx(1)
  np.testing.assert_allclose(
    sequence["weights"], token["weights"] / token["weights"].sum(), rtol=1e-6
  )


@pytest.mark.parametrize(
  ("call", "message"),
  [
    (
      lambda: transforms.to_step_labels(SOLUTION, [1, 0, 1]),
      "labels: 3 labels for 2 steps",
    ),
    (
      lambda: transforms.to_token_values(SOLUTION, [1], [1]),
      f"n_correct: 1 labels for {WRITTEN} solution tokens",
    ),
    (
      lambda: transforms.to_token_values(SOLUTION, [1] * WRITTEN, [1]),
      f"n_total: 1 labels for {WRITTEN} solution tokens",
    ),
    (lambda: transforms.to_step_labels(EMPTY, []), "the solution has none"),
  ],
)
def test_labels_that_do_not_fit_are_an_error(call, message):
  with pytest.raises(errors.UserError, match=message):
    call()
