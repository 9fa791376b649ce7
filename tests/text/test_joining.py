"""Steps joined as text or as tokens."""

import hypothesis
import pytest
from hypothesis import strategies as st

from prm_jax import errors
from prm_jax.text import hf_tokenizer, joining
from tests.text import tiny_hf

STEPS = st.lists(
  st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8),
    st.sampled_from(
      ["Step 1: 16 - 3 = 13", "x ", " eggs", "\n", "\u043a\u0438", "é"]
    ),
  ),
  max_size=4,
)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
  folder = tmp_path_factory.mktemp("qwen")
  tiny_hf.write_qwen(folder)
  return hf_tokenizer.load(folder)


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
  folder = tmp_path_factory.mktemp("llama")
  tiny_hf.write(folder, tiny_hf.sentencepiece())
  return hf_tokenizer.load(folder)


def pieces(tokenizer, found):
  """Text of each step's tokens."""
  encoded = found.encoded
  starts = [encoded.prompt_length, *(encoded.step_end + 1)][:-1]
  return [
    tokenizer.decode(encoded.tokens[start : end + 1].tolist())
    for start, end in zip(starts, encoded.step_end, strict=True)
  ]


def attempt(tokenizer, prompt, steps, separator, kind):
  """What `encode_steps` gives, or the error it raises."""
  try:
    return joining.encode_steps(
      tokenizer, prompt, steps, separator=separator, joining=kind
    )
  except errors.UserError as error:
    return error


@hypothesis.given(steps=STEPS, separator=st.sampled_from(["", "\n", "\n\n"]))
@pytest.mark.parametrize("kind", ["token", "string"])
def test_all_text_is_there_and_every_step_has_an_end(
  kind, steps, separator, qwen
):
  prompt = qwen.encode("2 + 2?")
  found = attempt(qwen, prompt, steps, separator, kind)
  if isinstance(found, errors.UserError):
    # A step that lies inside one token has no end of its own.
    assert kind == "string"
    assert "ends inside the token" in str(found)
    return
  encoded = found.encoded
  assert encoded.tokens[: len(prompt)].tolist() == prompt
  assert encoded.prompt_length == len(prompt)
  assert len(encoded.step_end) == len(steps)
  rest = encoded.tokens[len(prompt) :].tolist()
  assert qwen.decode(rest) == "".join(step + separator for step in steps)
  if steps:
    assert encoded.step_end[-1] == len(encoded.tokens) - 1
  if kind == "string":
    assert rest == qwen.encode("".join(step + separator for step in steps))
  if found.num_straddling == 0 and "\ufffd" not in "".join(steps):
    assert pieces(qwen, found) == [step + separator for step in steps]


def test_the_switch_matters(qwen):
  """The blank line is one token, unless a blank before it is joined to it."""
  steps = ["x", "x "]
  made = {
    kind: joining.encode_steps(qwen, [], steps, separator="\n\n", joining=kind)
    for kind in ("token", "string")
  }
  lengths = {kind: len(found.encoded.tokens) for kind, found in made.items()}
  assert lengths == {"token": 5, "string": 4}
  assert {found.num_straddling for found in made.values()} == {0}


def test_a_token_of_two_steps_is_told(qwen):
  """`\\n\\n` of one step and `\\n` of the next are written by one token."""
  found = joining.encode_steps(
    qwen, [], ["x ", "\n\nx"], separator="\n\n", joining="string"
  )
  assert qwen.encode("x \n\n\n\nx\n\n") == found.encoded.tokens.tolist()
  assert found.num_straddling == 1
  assert found.encoded.step_end[0] == 1


@pytest.mark.parametrize("kind", ["token", "string"])
def test_a_tokenizer_that_begins_with_a_blank(kind, llama):
  steps = ["Step 1: 16 - 3 = 13", "Answer: 26"]
  found = joining.encode_steps(
    llama, [], steps, separator=" \u043a\u0438", joining=kind
  )
  assert len(found.encoded.step_end) == 2
  if kind == "string":
    assert pieces(llama, found)[0] == "Step 1: 16 - 3 = 13 \u043a\u0438"
  ends = found.encoded.tokens[found.encoded.step_end]
  assert ends[0] == ends[1] == llama.encode("x \u043a\u0438")[-1]


def test_an_empty_step_is_refused(qwen):
  with pytest.raises(errors.UserError, match=r"steps\[1\]: the step is empty"):
    joining.encode_steps(qwen, [], ["a", ""], separator="\n")


def test_mistake_4_a_placeholder_of_several_ids(qwen):
  """Its labels would be lost: none of the ids is the placeholder."""
  assert (
    joining.single_id(qwen, "<extra_0>", "tag")
    == qwen.encode("<extra_0>").pop()
  )
  with pytest.raises(errors.UserError, match=r"tag: '<\|step\|>' has to be"):
    joining.single_id(qwen, "<|step|>", "tag")
  with pytest.raises(errors.UserError, match=r"tag: '' .* is 0: \[\]"):
    joining.single_id(qwen, "", "tag")
