"""Numbers survive the tokenizer; what it does not know is refused."""

import fractions

import hypothesis
import pytest
from hypothesis import strategies as st

from prm_jax import errors
from prm_jax.text import tokenizer as tokenizer_lib


@pytest.fixture(scope="module")
def tokenizer():
  return tokenizer_lib.number_tokenizer(199)


def pieces(tokenizer, text):
  return [tokenizer.backend.id_to_token(i) for i in tokenizer.encode(text)]


def test_special_ids(tokenizer):
  words = ["<pad>", "<eos>", ";"]
  ids = [tokenizer.pad_id, tokenizer.eos_id, tokenizer.step_id]
  assert ids == [tokenizer.backend.token_to_id(word) for word in words]
  assert tokenizer.pad_id == 0
  assert len(set(ids)) == 3


def test_vocab_size_counts_numbers_marks_and_tails(tokenizer):
  assert tokenizer.vocab_size == 200 + 10 + 1 + 11


@pytest.mark.parametrize("number", [0, 9, 10, 24, 199])
def test_small_numbers_are_one_token(tokenizer, number):
  assert len(tokenizer.encode(str(number))) == 1


@pytest.mark.parametrize(
  ("text", "expected"),
  [
    ("200", ["20", "##0"]),
    ("28561", ["28", "##5", "##6", "##1"]),
    ("-5", ["-", "##5"]),
    ("-13", ["-", "##1", "##3"]),
    ("8/3", ["8", "##/", "##3"]),
    ("-7/12", ["-", "##7", "##/", "##1", "##2"]),
    ("13 - 9 = 4 | 4 4 10", ["13", "-", "9", "=", "4", "|", "4", "4", "10"]),
  ],
)
def test_pieces(tokenizer, text, expected):
  assert pieces(tokenizer, text) == expected


words = st.one_of(
  st.integers(-(10**12), 10**12).map(str),
  st.fractions(max_denominator=10**6).map(str),
  st.sampled_from(["+", "-", "*", "/", "=", "|", ":", ";", "<eos>", "<pad>"]),
)


@hypothesis.given(st.lists(words).map(" ".join), st.integers(9, 300))
def test_round_trip(text, max_number):
  tokenizer = tokenizer_lib.number_tokenizer(max_number)
  ids = tokenizer.encode(text)
  assert tokenizer.decode(ids) == text
  assert all(0 <= token < tokenizer.vocab_size for token in ids)


def test_words_map_one_to_one_to_token_runs(tokenizer):
  """Two different numbers never share a token sequence."""
  texts = {str(n) for n in range(-300, 300)}
  texts |= {str(fractions.Fraction(a, b)) for a in range(30) for b in (2, 3, 7)}
  assert len({tuple(tokenizer.encode(text)) for text in texts}) == len(texts)


@pytest.mark.parametrize("word", ["x", "4x", "1.5", "(4", "<unk>", "\uff14"])
def test_unknown_word_is_named(tokenizer, word):
  with pytest.raises(errors.UserError) as told:
    tokenizer.encode(f"13 - {word} = 4")
  assert repr(word) in str(told.value)
  assert "\n" not in str(told.value)


def test_save_and_load(tokenizer, tmp_path):
  tokenizer.save(tmp_path / "new")
  loaded = tokenizer_lib.Tokenizer.load(tmp_path / "new")
  text = "8 / 8/3 = 3 | -3 250 ;"
  assert (tmp_path / "new" / "tokenizer.json").is_file()
  assert loaded.encode(text) == tokenizer.encode(text)
  assert loaded.decode(loaded.encode(text)) == text
  assert loaded.vocab_size == tokenizer.vocab_size


def test_load_without_file(tmp_path):
  with pytest.raises(errors.UserError, match=r"tokenizer\.json: no such"):
    tokenizer_lib.Tokenizer.load(tmp_path)


def test_load_of_a_broken_file(tmp_path):
  (tmp_path / "tokenizer.json").write_text("{}")
  with pytest.raises(errors.UserError, match=r"tokenizer\.json: not a token"):
    tokenizer_lib.Tokenizer.load(tmp_path)


def test_too_small_a_vocabulary():
  with pytest.raises(errors.UserError, match="max_number"):
    tokenizer_lib.number_tokenizer(5)
