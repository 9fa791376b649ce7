"""Ids and chats as `transformers` has them."""

import pytest

from prm_jax.text import hf_tokenizer
from tests.text import tiny_hf

transformers = pytest.importorskip("transformers")

CHAT = [
  {"role": "system", "content": "Be brief.  "},
  {"role": "user", "content": " 2 + 2? <|im_start|>"},
  {"role": "assistant", "content": "4\n\nso 4<extra_0>"},
]
TEXTS = ("16 eggs", " x ки\n+ -", "a \n\n\n\n\n b\n\nc", "", "ünïcode 😀 <s>")
WRITERS = (tiny_hf.write_qwen, tiny_hf.write_llama3, tiny_hf.write_mistral)


@pytest.fixture(params=WRITERS, ids=lambda write: write.__name__)
def folder(request, tmp_path):
  request.param(tmp_path)
  return tmp_path


@pytest.mark.parametrize("text", TEXTS)
def test_ids(text, folder):
  ours = hf_tokenizer.load(folder)
  theirs = transformers.AutoTokenizer.from_pretrained(folder)
  assert ours.encode_whole(text) == theirs.encode(text)
  assert ours.encode(text) == theirs.encode(text, add_special_tokens=False)
  ids = theirs.encode(text)
  assert ours.decode(ids) == theirs.decode(ids)
  assert ours.bos_id == theirs.bos_token_id
  assert ours.eos_id == theirs.eos_token_id


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("first", [0, 1])
def test_chats(first, is_open, folder):
  ours = hf_tokenizer.load(folder)
  if ours.template is None:
    pytest.skip("no template in this folder")
  theirs = transformers.AutoTokenizer.from_pretrained(folder)
  text = theirs.apply_chat_template(
    CHAT[first:], tokenize=False, add_generation_prompt=is_open
  )
  found = ours.render_chat(CHAT[first:], add_generation_prompt=is_open)
  assert found == text
  ids = theirs.apply_chat_template(
    CHAT[first:], add_generation_prompt=is_open, return_dict=False
  )
  assert ours.encode_chat(CHAT[first:], add_generation_prompt=is_open) == ids
