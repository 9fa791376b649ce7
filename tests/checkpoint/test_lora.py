"""Low-rank adapters are merged into the weights they change."""

import json
import shutil

import numpy as np
import pytest
from safetensors import numpy as st

from prm_jax import errors
from prm_jax.checkpoint import lora, prm
from tests.checkpoint import prm_folders

Q_PROJ = "model.layers.1.self_attn.q_proj"


def write(root, base="base", tensors=None, **changes):
  """A Math-psa adapter beside its base; the base's tensors and its own."""
  table, config = prm_folders.write(root / "base", "math-psa")
  rng = np.random.default_rng(1)
  rank, width = 3, config.embed_dim
  out = config.num_heads * config.head_dim
  own = tensors or {
    f"base_model.model.{Q_PROJ}.lora_A.weight": rng.normal(size=(rank, width)),
    f"base_model.model.{Q_PROJ}.lora_B.weight": rng.normal(size=(out, rank)),
  }
  own = {name: value.astype(np.float32) for name, value in own.items()}
  folder = root / "adapter"
  folder.mkdir()
  st.save_file(own, folder / "adapter_model.safetensors")
  fields = {
    "peft_type": "LORA", "r": rank, "lora_alpha": 12, "bias": "none",
    "base_model_name_or_path": base and str(root / base),
  }  # fmt: skip
  fields = json.dumps(fields | changes)
  (folder / "adapter_config.json").write_text(fields)
  return table, own, folder


@pytest.mark.parametrize(
  ("changes", "scale"),
  [({}, 4.0), ({"use_rslora": True}, 12 / 3**0.5),
   ({"alpha_pattern": {"q_proj": 6}}, 2.0)],
)  # fmt: skip
def test_merged(changes, scale, tmp_path):
  table, own, folder = write(tmp_path, **changes)
  low, high = own.values()
  plain = prm.load(tmp_path / "base", format_name="math-psa")
  found = prm.load(folder, format_name="math-psa")
  query = found.params["params"]["trunk"]["layers"]["attention"]["query"]
  want = table[f"{Q_PROJ}.weight"] + scale * high @ low
  np.testing.assert_allclose(
    query["kernel"][1].reshape(16, -1), want.T, rtol=1e-5, atol=1e-6
  )
  other = plain.params["params"]["trunk"]["layers"]["attention"]["query"]
  np.testing.assert_array_equal(query["kernel"][0], other["kernel"][0])


def test_heads_that_are_saved_whole(tmp_path):
  """A step head that only the adapter has, and adapted LM columns."""
  rng = np.random.default_rng(1)
  lm_head = {
    "base_model.model.lm_head.lora_A.weight": rng.normal(size=(2, 16)),
    "base_model.model.lm_head.lora_B.weight": rng.normal(size=(440, 2)),
  }
  table, own, folder = write(tmp_path, tensors=lm_head)
  low, high = own.values()
  found = prm.load(folder, format_name="math-psa")
  ids = list(found.encoder.candidate_ids)
  want = (table["lm_head.weight"] + 6 * high @ low)[ids]
  kernel = found.params["params"]["value_head"]["Dense_0"]["kernel"]
  np.testing.assert_allclose(kernel.T, want, rtol=1e-5, atol=1e-6)
  head = {
    "base_model.model.score.modules_to_save.weight": rng.normal(size=(2, 16)),
    "base_model.model.score.modules_to_save.bias": rng.normal(size=2),
  }
  own = {n: v.astype(np.float32) for n, v in (lm_head | head).items()}
  st.save_file(own, folder / "adapter_model.safetensors")
  found = prm.load(folder, format_name="trl")
  kernel = found.params["params"]["value_head"]["Dense_0"]["kernel"]
  want = own["base_model.model.score.modules_to_save.weight"]
  np.testing.assert_array_equal(kernel.T, want)


def test_where_the_base_is(tmp_path):
  _, _, folder = write(tmp_path, base="base")
  adapter = lora.read(folder)
  assert lora.find_base(adapter, folder, "") == str(tmp_path / "base")
  shutil.move(tmp_path / "base", tmp_path / "other")
  with pytest.raises(errors.UserError, match=r"base_model_name_or_path: .* no"):
    lora.find_base(adapter, folder, "")
  other = str(tmp_path / "other")
  assert lora.find_base(adapter, folder, other) == other
  with pytest.raises(errors.UserError, match="base: /nowhere: no such folder"):
    lora.find_base(adapter, folder, "/nowhere")
  near = adapter._replace(base="../other")
  assert lora.find_base(near, folder, "").endswith("../other")


@pytest.mark.parametrize(
  ("changes", "part"),
  [
    ({"peft_type": "IA3"}, "peft_type: 'IA3' is not supported"),
    ({"use_dora": True}, "use_dora: true is not supported"),
    ({"bias": "all"}, "bias: 'all' is not supported"),
    ({"lora_alpha": None}, "lora_alpha: missing"),
  ],
)
def test_other_adapters_are_refused(changes, part, tmp_path):
  _, _, folder = write(tmp_path, **changes)
  with pytest.raises(errors.UserError, match=part):
    lora.read(folder)


def test_broken_adapters_are_told(tmp_path):
  _, own, folder = write(tmp_path)
  path = folder / "adapter_model.safetensors"
  low, high = own
  st.save_file({low: own[low]}, path)
  with pytest.raises(errors.UserError, match=r"q_proj: no tensor lora_B"):
    lora.read(folder)
  st.save_file({low: own[low], high: own[high][:-1].copy()}, path)
  with pytest.raises(errors.UserError, match="does not change a matrix"):
    prm.load(folder, format_name="math-psa")
  st.save_file({n.replace("q_", "x_"): v for n, v in own.items()}, path)
  with pytest.raises(errors.UserError, match=r"the model has no .*x_proj"):
    prm.load(folder, format_name="math-psa")
  path.unlink()
  with pytest.raises(errors.UserError, match="pickle"):
    lora.read(folder)
