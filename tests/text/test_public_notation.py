"""Prompts, steps and ends of public checkpoints."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.text import hf_tokenizer, notation, public_notation
from tests.text import tiny_hf


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
  path = tmp_path_factory.mktemp("tokenizer")
  tiny_hf.write_qwen(path)
  return hf_tokenizer.load(path)


def make(tokenizer, **changes):
  ends = (tokenizer.eos_id, tokenizer.pad_id)
  ends = tuple(token for token in ends if token is not None)
  return public_notation.PublicNotation(tokenizer, ends, **changes)


def test_it_is_a_notation(tokenizer):
  assert isinstance(make(tokenizer), notation.Notation)


def test_a_problem_is_a_turn_of_a_chat(tokenizer):
  prompt = public_notation.PromptFormat(system="Think.", text="Q: {problem}")
  found = make(tokenizer, prompt=prompt).encode_prompt("2 + 2?")
  assert tokenizer.decode(found) == (
    "<|im_start|>system\nThink.<|im_end|>\n"
    "<|im_start|>user\nQ: 2 + 2?<|im_end|>\n<|im_start|>assistant\n"
  )


def test_a_problem_is_plain_text(tokenizer, tmp_path):
  style = public_notation.PromptFormat("plain")
  found = make(tokenizer, prompt=style).encode_prompt("2 + 2?")
  assert found == tokenizer.encode("2 + 2?")
  # Where there is no template it is so by itself, behind the text's beginning.
  tiny_hf.write_mistral(tmp_path, add_bos_token=True, add_eos_token=True)
  other = hf_tokenizer.load(tmp_path)
  found = make(other, model_vocab=500).encode_prompt("2 + 2?")
  assert found == [other.bos_id, *other.encode("2 + 2?")]


@pytest.mark.parametrize(
  ("text", "steps"),
  [
    ("a = 1\n\nb = 2\n\n", ["a = 1", "b = 2"]),
    ("x \n\n\n\nx\n\nx", ["x", "x", "x"]),  # blanks are one token
    ("\n\nfirst\n\n\n\nlast", ["first", "last"]),
    ("one line\nand another", ["one line\nand another"]),
    ("\u00e9t\u00e9\n\n\u043a\u0438", ["\u00e9t\u00e9", "\u043a\u0438"]),
    ("", []),
  ],
)
def test_steps_are_parted_by_blank_lines(text, steps, tokenizer):
  tokens = tokenizer.encode(text)
  own = make(tokenizer)
  assert own.read_steps(tokens) == (steps, False)
  for end in own.eos_ids:
    assert own.read_steps([*tokens, end]) == (steps, True)
    assert own.read_steps([*tokens, end, *tokens]) == (steps, True)


def test_what_stands_behind_a_delimiter_begins_the_next_step(tokenizer):
  own = make(tokenizer, step_strings=("ep",))
  tokens = tokenizer.encode("Step 1: ok")
  texts = [own.token_bytes[token] for token in tokens]
  steps, _ = own.read_steps(tokens)
  assert b"".join(texts) == b"Step 1: ok"
  assert steps == ["St", "1: ok"]
  # Not before: it would be a step that no token was written for.
  own = make(tokenizer, step_strings=("e",))
  whole = next(i for i, text in enumerate(own.token_bytes) if text == b"ep")
  assert own.read_steps([*tokenizer.encode("St"), whole]) == (["St"], False)
  more = [*tokenizer.encode("St"), whole, *tokenizer.encode("x")]
  assert own.read_steps(more) == (["St", "px"], False)


def test_a_stop_string_ends_the_solution(tokenizer):
  own = make(tokenizer, stop_strings=("boxed{12}",))
  text = "a\n\n\\boxed{12} more"
  steps, finished = own.read_steps(tokenizer.encode(text))
  assert finished
  assert steps[0] == "a"
  assert steps[1].startswith("\\boxed{12}")
  assert "more" not in steps[1]


def test_long_steps_are_cut_as_the_decoder_cuts_them(tokenizer):
  tokens = tokenizer.encode("abcdefgh\n\nij")
  own = make(tokenizer, max_step_tokens=3)
  steps, _ = own.read_steps(tokens)
  assert "".join(steps) == "abcdefghij"
  assert len(steps) > 2


def test_unused_ids_write_nothing(tokenizer):
  size = tokenizer.vocab_size
  own = make(tokenizer, model_vocab=size + 5)
  assert own.vocab_size == size + 5 == own.step_ends.hit.shape[1]
  found = own.read_steps(np.array([size + 1, *tokenizer.encode("a"), size]))
  assert found == (["a"], False)


def test_mistakes(tokenizer):
  with pytest.raises(errors.UserError, match="eos_token_id: neither"):
    public_notation.PublicNotation(tokenizer, ())
  with pytest.raises(errors.UserError, match=r"prompt.text: must hold"):
    public_notation.PromptFormat(text="Question:")
