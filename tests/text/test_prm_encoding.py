"""Tokens and read places of every format, put together by hand."""

import dataclasses

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.text import hf_tokenizer, prm_encoding, prm_formats, prm_table
from tests.checkpoint import prm_folders
from tests.text import tiny_hf
from tests.text.prm_texts import END, QWEN, TEXTS, A, B, C, Q

TOKENIZERS = {
  "eurus-prm": prm_folders.BYTES,
  "implicit-prm": prm_folders.LLAMA3,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
  """Tokenizer folders of the formats, written once each."""
  root, done = tmp_path_factory.mktemp("formats"), {}

  def folder(name):
    if name not in done:
      tokenizer = TOKENIZERS.get(name) or prm_folders.SHAPES[name][1]
      special = dict(prm_folders.SPECIAL.get(name, {}))
      added = special.pop("added", None)
      prm_folders.WRITERS[tokenizer](root / name, **special)
      if added:
        prm_folders.add_token(root / name, added)
      done[name] = hf_tokenizer.load(root / name)
    return done[name]

  return folder


@pytest.fixture
def encoder(folders):
  return lambda name, joining="": prm_encoding.Encoder(
    prm_formats.with_joining(prm_table.named(name), joining), folders(name)
  )


def plain(text):
  """The first word of a sentencepiece text may have lost its blank."""
  return text.replace("<s> ", "<s>").strip(" ")


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_read_where(name, encoder):
  own = encoder(name)
  found = own.encode(Q, [A, B, C])
  whole, parts = TEXTS[name]
  decode = lambda ids: plain(own.tokenizer.decode(ids.tolist()))
  assert decode(found.tokens) == plain(whole)
  seen = [
    decode(text.tokens[: at + 1])
    for text in found.texts
    for at in text.step_end
  ]
  assert seen == [plain(part) for part in parts]


def test_all_formats_are_written_out():
  assert {*TEXTS, "reasoneval-7b"} == prm_table.FORMATS.keys()


def test_reasoneval_7b_reads_one_token_early(encoder):
  """Its indices miss the BOS that is put back: token ids are as of 34B."""
  early, last = encoder("reasoneval-7b"), encoder("reasoneval-34b")
  found, want = early.encode(Q, [A, B, C]), last.encode(Q, [A, B, C])
  np.testing.assert_array_equal(found.tokens, want.tokens)
  np.testing.assert_array_equal(found.step_end, want.step_end - 1)


@pytest.mark.parametrize("name", TEXTS)
def test_prompt_length(name, encoder):
  own = encoder(name)
  found = own.encode(Q, [A, B, C])
  before = own.tokenizer.decode(found.tokens[: found.prompt_length].tolist())
  assert Q in before
  assert "16" not in before.split(Q)[1]
  if name != "qwen-rm":
    assert found.prompt_length <= found.step_end[0]


@pytest.mark.parametrize("name", prm_table.FORMATS)
def test_prefixes_stay_where_the_row_says_so(name, encoder):
  """A prefix has the same tokens up to the last one that it is read at."""
  own = encoder(name)
  steps = [A, B, "x  ", "\nWe have\n\n", C]
  if own.format.inner:
    steps = [A, B, "x", "We have", C]
  whole = own.encode(Q, steps)
  kept = []
  for count in range(1, len(steps)):
    part = own.encode(Q, steps[:count])
    end = part.step_end[-1] + 1
    kept.append(
      np.array_equal(part.tokens[:end], whole.tokens[:end])
      and np.array_equal(part.step_end, whole.step_end[:count])
    )
  if own.format.prefix_stable:
    assert all(kept), kept
  elif own.format.unit == "solution":
    assert not any(kept)


def test_spans_may_move_when_steps_are_added(encoder):
  """Why the rows with "spans" are not stable: blank lines are one token."""
  own = encoder("vgs")
  part, whole = own.encode(Q, ["x"]), own.encode(Q, ["x", "y"])
  assert part.tokens.tolist() != whole.tokens[: len(part.tokens)].tolist() or (
    part.step_end[0] != whole.step_end[0]
  )


@pytest.mark.parametrize("joining", ["string", "tokens"])
def test_joining_is_a_switch(joining, encoder):
  found = encoder("qwen-prm", joining).encode(Q, ["a\n", "\nb"])
  own = encoder("qwen-prm")
  text = own.tokenizer.decode(found.tokens.tolist())
  assert text == f"{QWEN}a\n<extra_0>\nb<extra_0>{END}"
  assert found.tokens[found.step_end].tolist() == [own.tag_id] * 2


def test_only_tags_can_be_joined_otherwise(encoder):
  for name in ("rlhflow", "reasoneval-7b", "qwen-rm", "vgs"):
    with pytest.raises(errors.UserError, match="joining: 'tokens'"):
      encoder(name, "tokens")


def test_a_text_of_its_own_per_step(encoder):
  """As many as prefixes, and nothing but the end token is taken back."""
  own = encoder("universal-prm")
  found = own.encode(Q, [A, B, C])
  assert [len(text.step_end) for text in found.texts] == [1, 1, 1]
  assert found.num_tokens == sum(len(text.tokens) for text in found.texts)
  for count, text in enumerate(found.texts, 1):
    alone = own.encode_last(Q, [A, B, C][:count])
    np.testing.assert_array_equal(alone.tokens, text.tokens)
    assert alone.before == ()
    bare = text.tokens[:-1]
    np.testing.assert_array_equal(bare, found.tokens[: len(bare)])
    assert text.tokens[-1] == own.tokenizer.eos_id
  shown = dataclasses.replace(own, answer="26").encode(Q, [A])
  asked = own.tokenizer.decode(shown.tokens.tolist())
  assert "The reference answer is: 26<|im_end|>" in asked


def test_numbers_are_put_once(encoder):
  own = encoder("math-shepherd")
  bare = own.encode(Q, [A, B])
  numbered = own.encode(Q, [f"Step 1: {A}", f"Step 2: {B}"])
  np.testing.assert_array_equal(bare.tokens, numbered.tokens)


def test_lines_inside_a_step_have_their_tags(encoder):
  """Skywork's own code cuts at every line end; the last is the step's."""
  own = encoder("skywork")
  found = own.encode(Q, [f"{A}\n{B}", C])
  flat = own.encode(Q, [A, B, C])
  np.testing.assert_array_equal(found.tokens, flat.tokens)
  np.testing.assert_array_equal(found.step_end, flat.step_end[1:])


def test_candidates_are_the_signs(encoder):
  assert encoder("rlhflow").candidate_ids == (12, 10)  # "-", "+"
  assert encoder("versa-prm").candidate_ids == (12, 10)
  psa = encoder("math-psa")
  tokens = [psa.tokenizer.backend.id_to_token(i) for i in psa.candidate_ids]
  assert tokens == ["Ġ-", "Ġ+"]
  shepherd = encoder("math-shepherd")
  name = shepherd.tokenizer.backend.id_to_token
  assert [name(i) for i in shepherd.candidate_ids] == ["▁-", "▁+"]
  assert name(shepherd.tag_id) == "▁ки"


@pytest.mark.parametrize("name", prm_table.FORMATS)
@pytest.mark.parametrize(
  ("steps", "part"),
  [([], "there are none"), (["", " \n"], "there are none"),
   ([A, " ", B], r"steps\[1\]: the step is empty")],
)  # fmt: skip
def test_bad_steps(steps, part, name, encoder):
  with pytest.raises(errors.UserError, match=part):
    encoder(name).encode(Q, steps)


def test_tags_of_the_user(encoder):
  for question, step in ((f"{Q}<extra_0>", A), (Q, f"{A}<extra_0>{B}")):
    with pytest.raises(errors.UserError, match="holds one itself"):
      encoder("qwen-prm").encode(question, [step])
  with pytest.raises(errors.UserError, match="pad token '<s>'"):
    encoder("reasoneval-7b").encode(Q, ["a <s> b"])


def test_a_broken_tokenizer_is_told_before_any_text(tmp_path):
  tiny_hf.write_llama3(tmp_path / "a")
  own = prm_encoding.Encoder(
    prm_table.named("qwen-prm"), hf_tokenizer.load(tmp_path / "a")
  )
  with pytest.raises(errors.UserError, match="'<extra_0>' has to be one token"):
    own.check()
  tiny_hf.write_mistral(tmp_path / "b")
  own = prm_encoding.Encoder(
    prm_table.named("reasoneval-34b"), hf_tokenizer.load(tmp_path / "b")
  )
  with pytest.raises(errors.UserError, match="no pad_token"):
    own.check()
  tiny_hf.write_mistral(tmp_path / "b", pad_token="<unk>")
  own = prm_encoding.Encoder(
    prm_table.named("reasoneval-7b"), hf_tokenizer.load(tmp_path / "b")
  )
  with pytest.raises(errors.UserError, match="is the bos_token"):
    own.check()
  tiny_hf.write_qwen(tmp_path / "c", eos_token=None)
  own = prm_encoding.Encoder(
    prm_table.named("universal-prm"), hf_tokenizer.load(tmp_path / "c")
  )
  with pytest.raises(errors.UserError, match="has no eos_token, at which"):
    own.check()
