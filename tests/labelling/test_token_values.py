"""The choices between the prefix tree and a training batch."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import prefix_tree, token_values
from prm_jax.text import steps

PROMPT = [9, 8]
# a = 3, b = 4, c = 5; 1 is <eos>.
RESPONSES = [[3, 4, 1], [3, 4, 1], [3, 4, 1], [3, 5, 1]]
OUTCOMES = [True, True, True, False]


def encoded(response):
  tokens = np.array(PROMPT + response, np.int32)
  return steps.EncodedSolution(tokens, 2, np.array([len(tokens) - 1]))


def make(reduction="token", **choices):
  return token_values.value_examples(
    [encoded(response) for response in RESPONSES],
    OUTCOMES,
    ["p"] * 4,
    token_values.TreeConfig(**choices),
    reduction=reduction,
  )


def test_labels_sit_on_their_own_token_and_the_prompt_is_masked():
  examples = make()
  assert examples[0]["tokens"].tolist() == [9, 8, 3, 4, 1]
  assert examples[0]["targets"].tolist() == [0, 0, 0.75, 1, 1]
  assert examples[0]["weights"].tolist() == [0, 0, 1, 1, 1]
  assert examples[3]["targets"].tolist() == [0, 0, 0.75, 0, 0]


def test_removing_duplicates_moves_the_labels():
  examples = make(deduplicate=True)
  assert len(examples) == 2
  assert examples[0]["targets"].tolist() == [0, 0, 0.5, 1, 1]


def test_unique_weighting_gives_every_node_the_weight_one():
  examples = make(weighting="unique")
  weight = {}
  for index, response in enumerate(RESPONSES):
    for depth, w in enumerate(examples[index]["weights"][2:]):
      key = tuple(response[: depth + 1])
      weight[key] = weight.get(key, 0) + w
  assert len(weight) == 5
  np.testing.assert_allclose(list(weight.values()), 1, rtol=1e-6)


def test_leave_one_out_leaves_lonely_prefixes_unsupervised():
  examples = make(estimate="leave_one_out")
  third = np.float32(2 / 3)
  np.testing.assert_allclose(examples[0]["targets"], [0, 0, third, 1, 1])
  assert examples[0]["weights"].tolist() == [0, 0, 1, 1, 1]
  assert examples[3]["targets"].tolist() == [0, 0, 1, 0, 0]
  assert examples[3]["weights"].tolist() == [0, 0, 1, 0, 0]


def test_sequence_reduction_weighs_solutions_alike():
  examples = make("sequence")
  for index in range(4):
    assert examples[index]["weights"].sum() == pytest.approx(1)
  with pytest.raises(errors.UserError, match=r"tree.weighting"):
    make("sequence", weighting="unique")


def test_solutions_of_a_problem_form_a_group():
  examples = token_values.value_examples(
    [encoded(response) for response in RESPONSES],
    OUTCOMES,
    ["q", "p", "q", "p"],
    token_values.TreeConfig(),
  )
  assert examples.groups.tolist() == [1, 0, 1, 0]


def test_records_hold_counts_not_ratios():
  samples = prefix_tree.from_sequences(RESPONSES, OUTCOMES, [0] * 4)
  rows = token_values.to_records(
    samples, prefix_tree.count(samples), ["p"] * 4, "policy"
  )
  assert rows[3].n_correct == (3, 0, 0)
  assert rows[3].n_total == (4, 1, 1)
  assert rows[3].granularity == "token"
  assert rows[3].tokens == (3, 5, 1)
  assert rows[3].completer == "policy"
