"""Tokenizers of a few hundred tokens in the files of public checkpoints."""

import json

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

SYSTEM = "You are a helpful assistant."

# The shape of Qwen's template, and of Llama 3's with its date.
CHATML = (
  "{%- if messages[0]['role'] != 'system' %}\n"
  "{{- '<|im_start|>system\\n" + SYSTEM + "<|im_end|>\\n' }}\n"
  "{%- endif %}\n"
  "{%- for message in messages %}\n"
  "  {{- '<|im_start|>' + message.role + '\\n' + message.content"
  " + '<|im_end|>' + '\\n' }}\n"
  "{%- endfor %}\n"
  "{%- if add_generation_prompt %}\n"
  "  {{- '<|im_start|>assistant\\n' }}\n"
  "{%- endif %}\n"
)
LLAMA3 = (
  "{{- bos_token }}\n"
  "{%- if not date_string is defined %}\n"
  '  {%- set date_string = "26 Jul 2024" %}\n'
  "{%- endif %}\n"
  "{{- '<|start_header_id|>system<|end_header_id|>\\n\\nToday: '"
  " + date_string + '<|eot_id|>' }}\n"
  "{%- for message in messages %}\n"
  "  {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
  " + message['content'] | trim + '<|eot_id|>' }}\n"
  "{%- endfor %}\n"
  "{%- if add_generation_prompt %}\n"
  "  {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n"
  "{%- endif %}\n"
)
CHATML_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<extra_0>")
LLAMA3_TOKENS = (
  "<|begin_of_text|>",
  "<|eot_id|>",
  "<|start_header_id|>",
  "<|end_header_id|>",
)

TEXTS = (
  "Janet's ducks lay 16 eggs per day. She eats three for breakfast.",
  "Step 1: 16 - 3 = 13 eggs a day. Step 2: 13 * 2 = $26. Answer: 26",
  "We have \\boxed{12} as x = 12, and y = -7.5 + 2. The answer is: 18",
)
# Blank runs are one token each in the real vocabularies.
BLANKS = ("x \n\n\n\n\nx", "x \n\n\n\nx", "x\n\nx", "x\nx", "x \n\nx") * 9


def byte_level(added=CHATML_TOKENS, bos=None):
  """Byte-level BPE as Qwen's and Llama 3's; `bos` is put before a text."""
  backend = tokenizers.Tokenizer(models.BPE())
  pattern = r" ?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+|\s*[\r\n]+|\s+(?!\S)|\s+"
  backend.pre_tokenizer = pre_tokenizers.Sequence(
    [
      pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated"),
      pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
  )
  backend.decoder = decoders.ByteLevel()
  signs = ("2 + 2 - 2 + - 3+ 3- ки ки",) * 3
  _train(
    backend,
    (*TEXTS, *BLANKS, *signs),
    360,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
  )
  backend.add_special_tokens(list(added))
  if bos is not None:
    _begin_with(backend, bos)
  return backend


def sentencepiece(extra=("ки", "ки")):
  """BPE with `▁` for blanks and byte fallback, as Llama 2's and Mistral's."""
  names = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256))]
  backend = tokenizers.Tokenizer(
    models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True)
  )
  backend.pre_tokenizer = pre_tokenizers.Metaspace(
    replacement="▁", prepend_scheme="first", split=True
  )
  backend.decoder = decoders.Sequence(
    [
      decoders.Replace("▁", " "),
      decoders.ByteFallback(),
      decoders.Fuse(),
      decoders.Strip(" ", 1, 0),
    ]
  )
  words = " ".join([*extra, "+", "-", "+", "-"] * 9)
  texts = [text.replace("\n", " ") for text in TEXTS]
  _train(backend, [*texts, words], 420, special_tokens=names)
  _begin_with(backend, "<s>")
  return backend


def _train(backend, texts, size, **options):
  trainer = trainers.BpeTrainer(
    vocab_size=size, show_progress=False, min_frequency=2, **options
  )
  backend.train_from_iterator(texts, trainer)


def _begin_with(backend, bos):
  backend.post_processor = processors.TemplateProcessing(
    single=[bos, "$A"],
    pair=[bos, "$A", "$B:1"],
    special_tokens=[(bos, backend.token_to_id(bos))],
  )


def write(directory, backend, **config):
  """Writes the folder's tokenizer files; `config` is tokenizer_config.json."""
  directory.mkdir(exist_ok=True, parents=True)
  backend.save(str(directory / "tokenizer.json"))
  config.setdefault("tokenizer_class", "PreTrainedTokenizerFast")
  (directory / "tokenizer_config.json").write_text(json.dumps(config))


def write_qwen(directory, **config):
  """A folder with a tokenizer like Qwen's."""
  fields = {
    "bos_token": None,
    "eos_token": "<|im_end|>",
    "pad_token": "<|endoftext|>",
    "chat_template": CHATML,
  }
  write(directory, byte_level(), **fields | config)


def write_llama3(directory, **config):
  """A folder with a tokenizer like Llama 3's."""
  fields = {
    "bos_token": "<|begin_of_text|>",
    "eos_token": "<|eot_id|>",
    "chat_template": LLAMA3,
  }
  backend = byte_level(LLAMA3_TOKENS, "<|begin_of_text|>")
  write(directory, backend, **fields | config)


def write_mistral(directory, **config):
  """A folder with a tokenizer like Mistral's first."""
  fields = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
  write(directory, sentencepiece(), **fields | config)
