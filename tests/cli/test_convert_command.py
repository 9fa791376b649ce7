"""`prm-jax convert`: there and back, compared; mistakes."""

import json
import pickle

import numpy as np
import pytest
from safetensors import numpy as st

from prm_jax.build import models
from prm_jax.checkpoint import safetensors_files
from prm_jax.cli import convert
from tests.checkpoint import folders


def report(workdir):
  return json.loads((workdir / convert.PARITY).read_text())


def tensors(directory):
  return {
    name: value
    for file in sorted(directory.glob("*.safetensors"))
    for name, value in st.load_file(file).items()
  }


@pytest.mark.parametrize("classes", [0, 2])
def test_there_and_back(classes, tmp_path, prm):
  source = tmp_path / "source"
  folders.qwen2(source, classes=classes)
  there, back = tmp_path / "there", tmp_path / "back"
  code, out, err = prm("convert", "--model", source, "--workdir", there)
  assert code == 0, err
  name = "values" if classes else "logits"
  found = report(there)
  assert (found[f"max_abs_{name}"], found["weights"]) == (0.0, "float32")
  assert found[f"largest_{name}"] > 0.1
  if "torch" not in found:  # it is installed, and agrees
    assert found[f"torch_max_abs_{name}"] < 1e-4
  assert f"model: {there / 'model'} (native)" in out
  native = models.load(there / "model", "model")
  assert native.context == folders.CONTEXT
  assert len(native.extra["eos_ids"]) == 2

  flags = ("--model", there / "model", "--workdir", back)
  code, _, err = prm("convert", *flags, "--config.shard_bytes=4000")
  assert code == 0, err
  assert report(back)[f"max_abs_{name}"] == 0.0
  model = back / "model"
  assert len(list(model.glob("*.safetensors"))) > 3
  assert (model / safetensors_files.INDEX).exists()
  want, have = tensors(source), tensors(model)
  assert want.keys() == have.keys()
  for key in want:
    np.testing.assert_array_equal(want[key], have[key])
  for file in ("tokenizer.json", "tokenizer_config.json",
               "generation_config.json"):  # fmt: skip
    assert (model / file).read_bytes() == (source / file).read_bytes()


def test_another_type_of_weights(tmp_path, prm):
  folders.qwen2(tmp_path / "source")
  flags = ("--model", tmp_path / "source", "--workdir", tmp_path / "out")
  more = ("--format", "hf", "--config.dtype=bfloat16")
  code, _, err = prm("convert", *flags, *more)
  assert code == 0, err
  found = report(tmp_path / "out")
  assert found["weights"] == "bfloat16"
  assert 0 < found["max_abs_logits"] < 0.1 * found["largest_logits"]
  (tmp_path / "out" / convert.PARITY).unlink()
  before = (tmp_path / "out" / "model" / "config.json").stat().st_mtime_ns
  assert prm("convert", *flags, *more)[0] == 0  # compares, writes nothing
  assert report(tmp_path / "out") == found
  after = (tmp_path / "out" / "model" / "config.json").stat().st_mtime_ns
  assert after == before


@pytest.fixture
def mistake(tmp_path, prm):
  def run(*flags):
    code, _, err = prm("convert", *flags, "--workdir", tmp_path / "run")
    assert code == 2
    lines = [line for line in err if line.startswith("prm-jax: error: ")]
    assert len(lines) == 1, err
    assert not (tmp_path / "run" / "model").exists()
    return lines[0]

  return run


def test_what_cannot_be_converted(mistake, tmp_path):
  assert "convert needs --model DIR" in mistake()
  source = tmp_path / "source"
  folders.qwen2(source)
  assert "format: 'gguf' is not one of hf, native" in mistake(
    "--model", source, "--format", "gguf"
  )
  assert "dtype: 'int8' is not one of" in mistake(
    "--model", source, "--config.dtype=int8"
  )
  (source / "model.safetensors").unlink()
  (source / "pytorch_model.bin").write_bytes(pickle.dumps({}))
  told = mistake("--model", source)
  assert "pytorch_model.bin: pickle can run code" in told
  assert "write them with save_pretrained" in told
  (source / "pytorch_model.bin").rename(source / "model.gguf")
  told = mistake("--model", source)
  assert "model.gguf: GGUF is quantised" in told
  (source / "tokenizer.json").unlink()
  assert "tokenizer.json: no such file" in mistake("--model", source)


def test_a_tokenizer_of_another_model(mistake, tmp_path):
  source = tmp_path / "source"
  folders.qwen2(source)
  fields = json.loads((source / "config.json").read_text())
  fields["vocab_size"] = 100
  (source / "config.json").write_text(json.dumps(fields))
  table = st.load_file(source / "model.safetensors")
  for name in ("model.embed_tokens.weight", "lm_head.weight"):
    table[name] = table[name][:100].copy()
  st.save_file(table, source / "model.safetensors")
  told = mistake("--model", source)
  assert "tokenizer.json: has ids up to" in told
  assert "the model's vocabulary has 100" in told
