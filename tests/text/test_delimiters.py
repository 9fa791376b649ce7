"""The first delimiter of a text, whatever tokens it is written in."""

import functools

import hypothesis
import numpy as np
import pytest
import tokenizers
from hypothesis import strategies
from tokenizers import decoders, models, pre_tokenizers, trainers

from prm_jax import errors
from prm_jax.tasks import game24
from prm_jax.text import delimiters, token_bytes

TEXT = """Let x be 3.\n\nThen 2x = 6.\nSo x + 2x = 9.\n\n## Answer
The answer is \\boxed{9}.</think>\n\n\nNext: café 東京.\n\n## Step 2: y.\n"""


def first_hit(automaton, tokens):
  """Index of the token in which a delimiter is completed; None: in none."""
  state = 0
  for place, token in enumerate(tokens):
    if automaton.hit[state, token]:
      return place
    state = automaton.next_state[state, token]
  return None


def first_end(patterns, text):
  """Index of the byte that completes a pattern first, by `bytes.find`."""
  ends = [
    found + len(pattern) - 1
    for pattern in patterns
    if (found := text.find(pattern)) >= 0
  ]
  return min(ends, default=None)


def owner(pieces, byte):
  """The piece that a byte of the joined pieces is in."""
  ends = np.cumsum([len(piece) for piece in pieces])
  return None if byte is None else int(np.searchsorted(ends, byte + 1))


# Few letters, so that patterns overlap themselves and one another.
few = strategies.text("ab\n", min_size=1, max_size=5).map(str.encode)


@hypothesis.given(
  patterns=strategies.lists(few, min_size=1, max_size=4),
  pieces=strategies.lists(
    strategies.text("ab\n", max_size=6).map(str.encode), max_size=8
  ),
)
@hypothesis.settings(max_examples=300)
def test_random_texts_in_random_pieces(patterns, pieces):
  vocab = sorted(set(pieces))
  automaton = delimiters.byte_strings(patterns, vocab)
  ids = [vocab.index(piece) for piece in pieces]
  want = owner(pieces, first_end(patterns, b"".join(pieces)))
  assert first_hit(automaton, ids) == want


@pytest.mark.parametrize(
  ("pieces", "want"),
  [
    ([b"a", b"\n", b"\n", b"b"], 2),  # over two tokens
    ([b"a\n", b"\nb"], 1),
    ([b"<", b"/thi", b"nk>", b"b"], 2),  # over three
    ([b"a", b"x.\n\n## y", b"b"], 1),  # in the middle of one
    ([b"a\n", b"a", b"\n"], None),
    ([b"\n", b"", b"\n"], 2),  # a token that writes nothing
    ([b"</thi</thi", b"nk>"], 1),  # falls back to a shorter prefix
  ],
)
def test_split_and_merged_delimiters(pieces, want):
  vocab = sorted(set(pieces))
  automaton = delimiters.byte_strings([b"\n\n", b"</think>"], vocab)
  assert first_hit(automaton, [vocab.index(p) for p in pieces]) == want


def test_tables_are_small():
  some = delimiters.byte_strings([b"\n\n"], [b"\n"] * 5)
  many = delimiters.byte_strings([b"a" * 300], [b"a"] * 5)
  assert some.next_state.dtype == np.uint8
  assert some.next_state.shape == some.hit.shape == (3, 5)
  assert many.next_state.dtype == np.uint16


@pytest.mark.parametrize("patterns", [[], [b"\n\n", b""]])
def test_empty_delimiters_are_refused(patterns):
  with pytest.raises(errors.UserError, match="delimiters: must be non-empty"):
    delimiters.byte_strings(patterns, [b"a"])


def _train(model, trainer, pre_tokenizer, decoder):
  backend = tokenizers.Tokenizer(model)
  backend.pre_tokenizer = pre_tokenizer
  backend.decoder = decoder
  backend.train_from_iterator([TEXT] * 3, trainer)
  backend.add_special_tokens(["<|im end|>"])
  return backend


@functools.cache
def byte_level():
  return _train(
    models.BPE(),
    trainers.BpeTrainer(
      vocab_size=330,
      initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
      show_progress=False,
    ),
    pre_tokenizers.Sequence([
      pre_tokenizers.Split(
        tokenizers.Regex(r"[^\n]*\n+"), behavior="isolated"
      ),
      pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]),
    decoders.ByteLevel(),
  )  # fmt: skip


@functools.cache
def sentence_pieces():
  """As Llama 2's: marks for blanks, bytes for unknown characters."""
  backend = _train(
    models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True),
    trainers.BpeTrainer(
      vocab_size=340,
      special_tokens=["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))],
      limit_alphabet=40,
      show_progress=False,
    ),
    pre_tokenizers.Metaspace(prepend_scheme="never", split=False),
    decoders.Sequence([
      decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
    ]),
  )  # fmt: skip
  return backend


BACKENDS = {"byte level": byte_level, "sentence pieces": sentence_pieces}


@pytest.mark.parametrize("name", BACKENDS)
def test_bytes_of_tokens_are_those_of_the_text(name):
  backend = BACKENDS[name]()
  of = token_bytes.of(backend, vocab_size=400)
  assert len(of) == 400
  assert of[399] == b""
  text = TEXT + "new words: Ωmega \t zzz<|im end|>"
  ids = backend.encode(text).ids
  assert len(ids) > 20
  assert max(len(of[i]) for i in ids) > 2
  assert b"".join(of[i] for i in ids) == text.encode()
  for i in range(1, len(ids)):
    got = b"".join(of[j] for j in ids[:i]).decode(errors="replace")
    want = backend.decode(ids[:i], skip_special_tokens=False)
    assert got.rstrip("�") == want.rstrip("�")


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize(
  "patterns",
  [("\n\n",), ("\n\n", "## "), ("\\boxed{",), ("</think>",), (": é", "京")],
)
def test_steps_of_a_real_tokenizer(name, patterns):
  """All steps of a text, beginning anew after each."""
  backend = BACKENDS[name]()
  of = token_bytes.of(backend)
  wanted = [pattern.encode() for pattern in patterns]
  automaton = delimiters.byte_strings(wanted, of)
  ids = backend.encode(TEXT).ids
  found = 0
  while ids:
    pieces = [of[i] for i in ids]
    want = owner(pieces, first_end(wanted, b"".join(pieces)))
    assert first_hit(automaton, ids) == want
    if want is None:
      break
    found += 1
    ids = ids[want + 1 :]
  assert found == _num_steps(wanted, [of[i] for i in backend.encode(TEXT).ids])


def _num_steps(patterns, pieces):
  """By searching the text of the step again at every piece."""
  count, text = 0, b""
  for piece in pieces:
    text += piece
    if any(pattern in text for pattern in patterns):
      count, text = count + 1, b""
  assert count
  return count


def test_some_delimiter_is_merged_with_other_text():
  of = token_bytes.of(byte_level())
  assert any(b"\n\n" in x and x.strip(b"\n") for x in of)


def test_a_token_of_the_small_tasks_is_the_only_one_with_its_text():
  tokenizer = game24.Game24().tokenizer()
  of = token_bytes.of(tokenizer.backend)
  text = "13 - 9 = 5 | 4 4 10 ; 8/3"
  joined = b"".join(of[i] for i in tokenizer.encode(text))
  assert joined == b" " + text.encode()
  by_bytes = delimiters.byte_strings([b";"], of)
  by_id = delimiters.single_tokens([tokenizer.step_id], tokenizer.vocab_size)
  np.testing.assert_array_equal(by_bytes.hit[:1], by_id.hit)


def test_words_without_a_decoder_stand_between_blanks():
  backend = tokenizers.Tokenizer(
    models.WordLevel({"a": 0, "step": 1, "[U]": 2}, unk_token="[U]")
  )
  assert token_bytes.of(backend) == [b" a", b" step", b" [U]"]


def test_decoders_that_look_across_tokens_are_refused():
  backend = tokenizers.Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
  backend.decoder = decoders.CTC()
  with pytest.raises(errors.UserError, match="decoder 'CTC' is not one of"):
    token_bytes.of(backend)
  backend.decoder = decoders.WordPiece(cleanup=True)
  with pytest.raises(errors.UserError, match="cleanup"):
    token_bytes.of(backend)
