"""Tokenizer folders of public checkpoints."""

import json

import pytest
import tokenizers

from prm_jax import errors
from prm_jax.text import hf_tokenizer
from tests.text import tiny_hf

CHAT = [
  {"role": "user", "content": "2 + 2?"},
  {"role": "assistant", "content": "4<extra_0>"},
]


def test_qwen_folder(tmp_path):
  tiny_hf.write_qwen(tmp_path)
  found = hf_tokenizer.load(tmp_path)
  assert found.bos_id is None
  assert found.decode([found.eos_id]) == "<|im_end|>"
  assert found.decode([found.pad_id]) == "<|endoftext|>"
  assert found.encode_whole("16 eggs") == found.encode("16 eggs")
  assert found.decode(found.encode("16 eggs\n\n- x")) == "16 eggs\n\n- x"
  assert found.render_chat(CHAT, add_generation_prompt=False) == (
    f"<|im_start|>system\n{tiny_hf.SYSTEM}<|im_end|>\n"
    "<|im_start|>user\n2 + 2?<|im_end|>\n"
    "<|im_start|>assistant\n4<extra_0><|im_end|>\n"
  )
  ids = found.encode_chat(CHAT[:1], add_generation_prompt=True)
  assert found.decode(ids).endswith("<|im_start|>assistant\n")
  assert ids.count(found.single_id("<|im_start|>", "tag")) == 3


def test_llama_text_begins_with_bos_and_chat_with_one(tmp_path):
  tiny_hf.write_llama3(tmp_path)
  found = hf_tokenizer.load(tmp_path)
  assert found.encode_whole("16") == [found.bos_id, *found.encode("16")]
  ids = found.encode_chat(CHAT, add_generation_prompt=False)
  assert ids.count(found.bos_id) == 1


@pytest.mark.parametrize(
  ("asked", "bos", "eos"),
  [
    ({}, 1, 0),
    ({"add_bos_token": False}, 0, 0),
    ({"add_bos_token": True, "add_eos_token": True}, 1, 1),
  ],
)
def test_config_decides_about_bos(asked, bos, eos, tmp_path):
  tiny_hf.write_mistral(tmp_path, **asked)
  found = hf_tokenizer.load(tmp_path)
  inner = found.encode("16 eggs")
  whole = [found.bos_id] * bos + inner + [found.eos_id] * eos
  assert found.encode_whole("16 eggs") == whole


def test_what_the_files_beside_say(tmp_path):
  """Later tokens, special tokens as groups, a map, a template file."""
  backend = tiny_hf.byte_level()
  size = backend.get_vocab_size()
  tiny_hf.write(
    tmp_path,
    backend,
    added_tokens_decoder={str(size): {"content": "[PRM]", "special": True}},
    eos_token={"content": "<|im_end|>", "lstrip": False},
    chat_template=[
      {"name": "tool_use", "template": "tools"},
      {"name": "default", "template": "{{ eos_token }}"},
    ],
  )
  (tmp_path / "special_tokens_map.json").write_text(
    json.dumps({"eos_token": "<extra_0>", "pad_token": "<|endoftext|>"})
  )
  found = hf_tokenizer.load(tmp_path)
  assert found.vocab_size == size + 1
  assert found.encode("3 [PRM]")[-1] == size
  assert found.render_chat([], add_generation_prompt=False) == "<|im_end|>"
  assert found.pad_id == backend.token_to_id("<|endoftext|>")
  (tmp_path / "chat_template.jinja").write_text("file")
  found = hf_tokenizer.load(tmp_path)
  assert found.render_chat([], add_generation_prompt=False) == "file"


def test_padding_and_truncation_of_the_file_are_off(tmp_path):
  backend = tiny_hf.byte_level()
  backend.enable_truncation(3)
  backend.enable_padding(length=64)
  tiny_hf.write(tmp_path, backend)
  found = hf_tokenizer.load(tmp_path)
  assert found.decode(found.encode("16 eggs per day")) == "16 eggs per day"


def edit(name, value):
  return lambda folder: (folder / name).write_text(value)


@pytest.mark.parametrize(
  ("spoil", "part"),
  [
    (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json: no such file"),
    (edit("tokenizer.json", "{}"), "tokenizer.json: not a tokenizer file"),
    (edit("tokenizer_config.json", "{"), "tokenizer_config.json: not JSON"),
    (edit("tokenizer_config.json", "[]"), "not a JSON object"),
    (
      edit("tokenizer_config.json", '{"eos_token": 3}'),
      "eos_token: 3 is not a token",
    ),
    (
      edit("tokenizer_config.json", '{"added_tokens_decoder": {"7": "[X]"}}'),
      "added_tokens_decoder: '[X]' is 7 there and",
    ),
    (
      edit("tokenizer_config.json", '{"chat_template": [{"name": "a"}]}'),
      "chat_template: is not a list of templates",
    ),
    (
      edit("tokenizer_config.json", '{"chat_template": 3}'),
      "chat_template: 3 is not a template",
    ),
  ],
)
def test_bad_files_are_named(spoil, part, tmp_path):
  tiny_hf.write_qwen(tmp_path)
  spoil(tmp_path)
  with pytest.raises(errors.UserError) as told:
    hf_tokenizer.load(tmp_path)
  assert part in str(told.value)
  assert str(tmp_path) in str(told.value)


def test_only_a_sentencepiece_model(tmp_path):
  (tmp_path / "tokenizer.model").write_bytes(b"")
  with pytest.raises(errors.UserError, match=r"tokenizer\.model alone is not"):
    hf_tokenizer.load(tmp_path)


def test_an_absent_special_token(tmp_path):
  tiny_hf.write_qwen(tmp_path, pad_token="[PAD]")
  found = hf_tokenizer.load(tmp_path)
  with pytest.raises(errors.UserError, match=r"pad_token: '\[PAD\]' is not"):
    _ = found.pad_id


def test_no_template(tmp_path):
  tiny_hf.write_qwen(tmp_path, chat_template=None)
  with pytest.raises(errors.UserError, match="chat_template: missing"):
    hf_tokenizer.load(tmp_path).render_chat(CHAT, add_generation_prompt=True)


def test_more_ids_than_the_model_has(tmp_path):
  tiny_hf.write_qwen(tmp_path)
  found = hf_tokenizer.load(tmp_path)
  found.check_fits(found.vocab_size)
  with pytest.raises(errors.UserError, match="ids up to"):
    found.check_fits(found.vocab_size - 1)


def test_the_backend_is_of_the_library(tmp_path):
  tiny_hf.write_qwen(tmp_path)
  found = hf_tokenizer.load(tmp_path)
  assert isinstance(found.backend, tokenizers.Tokenizer)
  many = ["16 eggs", "", "x = 12"]
  assert found.encode_many(many) == [found.encode(text) for text in many]
