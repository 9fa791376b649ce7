"""Where steps end, and that text and tokens tell the same steps."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from prm_jax import errors
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib

TOKENIZER = tokenizer_lib.number_tokenizer(199)
PROMPT = "4 9 10 13 :"
STEPS = ["13 - 9 = 4 | 4 4 10", "10 - 4 = 6 | 4 6", "4 * 6 = 24 | 24"]

words = st.one_of(
  st.integers(-(10**4), 10**4).map(str),
  st.fractions(max_denominator=30).map(str),
  st.sampled_from(["+", "-", "*", "/", "=", "|"]),
)
step_texts = st.lists(words, min_size=1, max_size=8).map(" ".join)
step_lists = st.lists(step_texts, max_size=5)


def encode(steps, finished=True):
  return steps_lib.encode_solution(TOKENIZER, PROMPT, steps, finished)


def after_prompt(solution):
  return solution.tokens[solution.prompt_length :]


def test_step_ends_by_hand():
  solution = encode(STEPS)
  assert solution.prompt_length == 5
  # 5 prompt tokens, then 9, 8 and 7 tokens with a delimiter each.
  assert solution.step_end.tolist() == [14, 23, 31]
  assert len(solution.tokens) == 32
  step, eos = TOKENIZER.step_id, TOKENIZER.eos_id
  assert solution.tokens[solution.step_end].tolist() == [step, step, eos]
  assert solution.tokens.dtype == solution.step_end.dtype == np.int32


def test_last_step_of_unfinished_solution_ends_with_the_step_mark():
  solution = encode(STEPS[:2], finished=False)
  ends = solution.tokens[solution.step_end].tolist()
  assert ends == [TOKENIZER.step_id] * 2


def test_no_steps():
  solution = encode([])
  assert len(solution.tokens) == solution.prompt_length == 5
  assert solution.step_end.shape == (0,)
  assert steps_lib.decode_steps(TOKENIZER, []) == ([], False)


@hypothesis.given(step_lists, st.booleans())
def test_round_trip(steps, finished):
  solution = encode(steps, finished)
  found = steps_lib.decode_steps(TOKENIZER, after_prompt(solution))
  assert found == (steps, finished and bool(steps))


@hypothesis.given(step_lists.filter(len), st.data())
def test_a_step_end_does_not_depend_on_later_steps(steps, data):
  """Causality: the tokens up to the end of step k are those of a prefix."""
  cut = data.draw(st.integers(1, len(steps)))
  later = data.draw(step_lists)
  one = encode(steps, finished=False)
  other = encode(steps[:cut] + later, finished=False)
  np.testing.assert_array_equal(one.step_end[:cut], other.step_end[:cut])
  end = one.step_end[cut - 1] + 1
  np.testing.assert_array_equal(one.tokens[:end], other.tokens[:end])


@hypothesis.given(step_lists)
def test_tokens_are_the_steps_tokens_joined(steps):
  """No token reaches across a delimiter."""
  expected = TOKENIZER.encode(PROMPT)
  for step in steps:
    expected += [*TOKENIZER.encode(step), TOKENIZER.step_id]
  np.testing.assert_array_equal(encode(steps, False).tokens, expected)


@hypothesis.given(step_lists)
def test_one_end_per_step(steps):
  ends = encode(steps).step_end
  assert len(ends) == len(steps)
  assert (np.diff(ends) > 1).all()


@pytest.mark.parametrize("step", ["", "4 ; 5", "4 <eos>", "<pad> 4"])
def test_steps_that_are_none(step):
  with pytest.raises(errors.UserError, match=r"steps\[1\]"):
    encode([STEPS[0], step])


@pytest.mark.parametrize("step", ["4  + 5", " 4", "4\t5", "4 ##3", "4 ##3 + 1"])
def test_text_that_would_not_come_back(step):
  with pytest.raises(errors.UserError, match="does not survive"):
    encode([step])


def test_decoding_stops_at_eos_and_padding():
  ids = TOKENIZER.encode("1 + 2 ; 3 <eos> 4 ; 5")
  assert steps_lib.decode_steps(TOKENIZER, ids) == (["1 + 2", "3"], True)
  ids = TOKENIZER.encode("1 + 2 ; 3 <pad> 4 <eos>")
  assert steps_lib.decode_steps(TOKENIZER, ids) == (["1 + 2", "3"], False)


def test_empty_steps_are_dropped():
  ids = np.array(TOKENIZER.encode("; 1 ; ; 2 ; <eos>"), np.int32)
  assert steps_lib.decode_steps(TOKENIZER, ids) == (["1", "2"], True)


def test_sampled_tokens_are_kept_as_they_are():
  sampled = TOKENIZER.encode("; 1 ##3 + 4 ; ; 2 <eos> 7")
  solution = steps_lib.encode_sampled(TOKENIZER, PROMPT, sampled)
  assert after_prompt(solution).tolist() == sampled[:-1]
  # after the prompt: ; 1 ##3 + 4 ; ; 2 <eos>
  assert (solution.step_end - solution.prompt_length).tolist() == [5, 8]


def test_a_cut_step_is_read_at_its_last_token():
  sampled = [*TOKENIZER.encode("1 + 2 ; 3 + 4"), TOKENIZER.pad_id, 9]
  solution = steps_lib.encode_sampled(TOKENIZER, PROMPT, sampled)
  assert (solution.step_end - solution.prompt_length).tolist() == [3, 6]
  assert len(solution.tokens) == solution.prompt_length + 7


tokens = st.integers(0, TOKENIZER.vocab_size - 1)
delimiters = st.sampled_from([0, TOKENIZER.step_id, TOKENIZER.eos_id])


@hypothesis.given(st.lists(st.one_of(tokens, delimiters), max_size=30))
def test_sampled_tokens_and_their_text_have_the_same_steps(sampled):
  """Whatever a policy writes, labels per step fit the step ends."""
  steps, _ = steps_lib.decode_steps(TOKENIZER, sampled)
  solution = steps_lib.encode_sampled(TOKENIZER, PROMPT, sampled)
  assert len(solution.step_end) == len(steps)


@hypothesis.given(step_lists, st.booleans())
def test_encoding_samples_of_canonical_text_changes_nothing(steps, finished):
  solution = encode(steps, finished)
  again = steps_lib.encode_sampled(TOKENIZER, PROMPT, after_prompt(solution))
  np.testing.assert_array_equal(again.tokens, solution.tokens)
  np.testing.assert_array_equal(again.step_end, solution.step_end)
