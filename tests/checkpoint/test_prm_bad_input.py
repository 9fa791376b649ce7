"""What is wrong with a process reward model's folder is told in one line."""

import json

import numpy as np
import pytest
from safetensors import numpy as st

from prm_jax import errors
from prm_jax.checkpoint import prm
from tests.checkpoint import prm_folders
from tests.text import tiny_hf


def edit(file, **changes):
  def spoil(folder):
    fields = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(fields | changes))

  return spoil


def tensors(change):
  def spoil(folder):
    table = st.load_file(folder / "model.safetensors")
    change(table)
    st.save_file(table, folder / "model.safetensors")

  return spoil


def lose_shard(folder):
  table = st.load_file(folder / "model.safetensors")
  index = {
    "weight_map": dict.fromkeys(table, "model-00001-of-00002.safetensors")
  }
  (folder / "model.safetensors").unlink()
  (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def only(pickle):
  def spoil(folder):
    (folder / "model.safetensors").unlink()
    (folder / pickle).write_bytes(b"\x80\x04")

  return spoil


def ints(table):
  table["score.2.weight"] = table["score.2.weight"].astype(np.int32)


CONFIG, TOKENIZER = "config.json", "tokenizer_config.json"
CASES = [
  (edit(CONFIG, architectures=["Qwen2ForCausalLM"]),
   "architectures: Qwen2ForCausalLM does not tell the format of its steps"),
  (edit(CONFIG, architectures=["Qwen2ForTokenClassification"]),
   "--format, one of trl, trl-blank-line"),
  (edit(CONFIG, model_type="gpt2"), "model_type: 'gpt2' is not one of"),
  (edit(CONFIG, vocab_size=100), "ids up to 28"),
  (edit(CONFIG, hidden_size=32), "config.json makes it"),
  (lambda folder: tiny_hf.write(folder, tiny_hf.byte_level(("<|im_end|>",))),
   "format qwen-prm: tag: '<extra_0>' has to be one token"),
  (lambda folder: (folder / "tokenizer.json").unlink(),
   "tokenizer.json: no such file"),
  (tensors(lambda t: t.pop("score.0.weight")), "no tensor score.0.weight"),
  (tensors(lambda t: t.update({"score.2.weight": np.zeros((3, 16), "f")})),
   "score.2.weight: shape [3, 16], config.json makes it [2, 16]"),
  (tensors(ints), "score.2.weight: type I32 is not one of"),
  (tensors(lambda t: t.update({"other": np.zeros(1, "f")})),
   "other: no such tensor in the model"),
  (tensors(lambda t: t.pop("model.layers.1.mlp.up_proj.weight")),
   "no tensor model.layers.1.mlp.up_proj.weight"),
  (tensors(lambda t: t.pop("model.embed_tokens.weight")),
   "0 tensors end in embed_tokens.weight"),
  (lose_shard, "model-00001-of-00002.safetensors: missing"),
  (only("pytorch_model.bin"), "pickle can run code"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "part"), CASES)
def test_told(spoil, part, tmp_path):
  prm_folders.write(tmp_path, "qwen-prm")
  spoil(tmp_path)
  with pytest.raises(errors.UserError) as told:
    prm.load(tmp_path)
  assert part in str(told.value)
  assert str(tmp_path) in str(told.value)
  assert "\n" not in str(told.value)


@pytest.mark.parametrize(
  ("name", "pickle"),
  [("ovm", "verifier.pth"), ("rstar-ppm", "value_head.bin")],
)
def test_a_head_in_a_pickle_is_refused(name, pickle, tmp_path):
  prm_folders.write(tmp_path, name)
  tensors(lambda t: [t.pop(n) for n in list(t) if "head.s" in n])(tmp_path)
  (tmp_path / "verifier.safetensors").unlink(missing_ok=True)
  (tmp_path / pickle).write_bytes(b"\x80\x04")
  with pytest.raises(errors.UserError, match=f"{pickle}: pickle can run code"):
    prm.load(tmp_path, format_name=name)


def test_a_tied_model_has_its_signs_in_the_embedding(tmp_path):
  table, _ = prm_folders.write(tmp_path, "versa-prm", tie_word_embeddings=True)
  tensors(lambda t: t.pop("lm_head.weight"))(tmp_path)
  found = prm.load(tmp_path, format_name="versa-prm")
  kernel = found.params["params"]["value_head"]["Dense_0"]["kernel"]
  rows = table["model.embed_tokens.weight"][[12, 10]]
  np.testing.assert_array_equal(kernel.T, rows)
  edit(CONFIG, tie_word_embeddings=False)(tmp_path)
  with pytest.raises(errors.UserError, match=r"no tensor lm_head\.weight"):
    prm.load(tmp_path, format_name="versa-prm")


def test_heads_stay_float32_on_a_bfloat16_trunk(tmp_path):
  table, _ = prm_folders.write(tmp_path, "qwen-prm", torch_dtype="bfloat16")
  found = prm.load(tmp_path)
  params = found.params["params"]
  assert params["trunk"]["final_norm"]["scale"].dtype == "bfloat16"
  outer = params["value_head"]["outer"]["Dense_0"]
  np.testing.assert_array_equal(outer["kernel"].T, table["score.2.weight"])


@pytest.mark.parametrize("prefix", ["", "pretrained_model.model."])
def test_wrappers_prefix_their_tensors(prefix, tmp_path):
  prm_folders.write(tmp_path, "skywork")
  want = prm.load(tmp_path).params

  def rename(table):
    for name in [n for n in table if not n.startswith("v_head")]:
      new = name.replace("model.", prefix, 1)
      if name == "lm_head.weight":
        new = prefix.removesuffix("model.") + name
      table[new] = table.pop(name)

  tensors(rename)(tmp_path)
  found = prm.load(tmp_path).params
  assert str(found) == str(want)


def test_the_smaller_context_counts(tmp_path):
  prm_folders.write(tmp_path, "qwen-prm")
  assert prm.load(tmp_path).max_tokens == 512
  edit(CONFIG, max_position_embeddings=32_768)(tmp_path)
  assert prm.load(tmp_path).max_tokens == 4096
