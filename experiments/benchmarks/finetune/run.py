"""Rate of fine-tuning a token classifier, beside TRL's PRMTrainer.

python experiments/benchmarks/finetune/run.py --torch-python PYTHON \\
  --out results.json

The same random Qwen2 folder, the same batch in every step, AdamW in float32 on
the CPU, no dropout and no recomputation on either side; rounds take turns.
Without --torch-python only ours is measured.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time
from typing import Any

import jax
import numpy as np
import tokenizers
from tokenizers import decoders, pre_tokenizers
from tokenizers import models as token_models

from prm_jax.build import beginnings, encoding, losses, models
from prm_jax.checkpoint import hf
from prm_jax.data import pipeline, records
from prm_jax.labelling import targets
from prm_jax.models import config as config_lib
from prm_jax.models import lm, lora
from prm_jax.reports import results
from prm_jax.text import hf_tokenizer
from prm_jax.train import optim, partition

HERE = pathlib.Path(__file__).parent
TRUNK = config_lib.TransformerConfig(
  vocab_size=2048,
  num_layers=4,
  embed_dim=256,
  num_heads=4,
  num_kv_heads=2,
  head_dim=64,
  mlp_dim=704,
  use_qkv_bias=True,
)
WARM_UP = 2


def write_folder(directory: pathlib.Path) -> None:
  """A random token classifier and a tokenizer of bytes."""
  config = config_lib.ModelConfig(TRUNK, use_lm_head=False, value_head="step")
  params = models.init_fn(lm.Model(config))(jax.random.key(0))
  unboxed = jax.tree.map(
    lambda x: x.value if hasattr(x, "value") else x,
    params,
    is_leaf=lambda x: hasattr(x, "value"),
  )
  alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
  vocab = {char: i for i, char in enumerate([*alphabet, "<eos>"])}
  backend = tokenizers.Tokenizer(token_models.BPE(vocab, []))
  backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
  backend.decoder = decoders.ByteLevel()
  hf.save(directory, unboxed, config)
  backend.add_special_tokens(["<eos>"])
  backend.save(str(directory / hf_tokenizer.FILE_NAME))
  fields = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "eos_token": "<eos>",
    "pad_token": "<eos>",
  }
  (directory / hf_tokenizer.CONFIG).write_text(json.dumps(fields))


def make_rows(count: int) -> list[dict[str, Any]]:
  """Prompts of 40 to 80 bytes, 4 steps of 30 to 44, drawn labels."""
  rng = np.random.default_rng(0)
  letters = list("abcdefghij 0123456789+=")

  def text(low: int, high: int) -> str:
    return "".join(rng.choice(letters, rng.integers(low, high)))

  return [
    {
      "prompt": text(40, 80),
      "completions": [text(30, 44) for _ in range(4)],
      "labels": [bool(x) for x in rng.integers(0, 2, 4)],
    }
    for _ in range(count)
  ]


def ours(
  folder: pathlib.Path, rows: list[dict[str, Any]], batch: int, steps: int
) -> dict[str, Any]:
  """Seconds and losses by step, data and optimiser included."""
  loaded = models.load(folder, "folder")
  model = loaded.model
  encode_fn = encoding.encode_fn(loaded.tokenizer, encoding.EncodingConfig())
  problems = {
    str(i): records.Problem(str(i), "questions", row["prompt"], None)
    for i, row in enumerate(rows)
  }
  none = (0,) * 4
  labels = [
    records.StepLabels(
      str(i), none, none, "drawn", steps=tuple(row["completions"]),
      hard=tuple(map(int, row["labels"])),
    )
    for i, row in enumerate(rows)
  ]  # fmt: skip
  examples = targets.from_labels(encode_fn, problems, labels)
  data = pipeline.PipelineConfig(
    batch, 264, layout="bucket", boundaries=(264,), order="fixed"
  )
  begun = beginnings.setup(
    model,
    losses.loss_fn(model, losses.ObjectiveConfig("step")),
    loaded.params,
    lora.LoraConfig(),
    mesh=partition.make_mesh(),
    optim_config=optim.OptimConfig(
      learning_rate=1e-5, num_steps=10**6, b2=0.999, final_fraction=1.0
    ),
    rng_key=jax.random.key(0),
  )
  state = begun.run.init_state()
  sharding = partition.batch_sharding(begun.run.mesh)
  batches = pipeline.make_iterator(examples, data)
  seconds, found = [], []
  for _ in range(steps):
    started = time.perf_counter()
    own = partition.put_batch(next(batches), sharding)
    state, told = begun.run.step_fn(state, own)
    loss = told["loss"]
    found.append(float(loss.total) / float(loss.count))  # waits
    seconds.append(time.perf_counter() - started)
  return {"seconds": seconds, "losses": found, "tokens": examples.offsets[-1]}


def theirs(
  python: str, folder: pathlib.Path, file: pathlib.Path, batch: int, steps: int
) -> dict[str, Any]:
  command = [
    python, str(HERE / "torch_side.py"), "--folder", str(folder), "--rows",
    str(file), "--batch", str(batch), "--steps", str(steps), "--threads", "2",
  ]  # fmt: skip
  done = subprocess.run(
    command, capture_output=True, text=True, check=False, cwd=folder.parent
  )
  if done.returncode:
    raise RuntimeError(done.stderr)
  found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
  return found


def main() -> None:
  parser = argparse.ArgumentParser()
  parser.add_argument("--torch-python", default="")
  parser.add_argument("--batch", type=int, default=8)
  parser.add_argument("--steps", type=int, default=8)
  parser.add_argument("--rounds", type=int, default=3)
  parser.add_argument("--out", type=pathlib.Path)
  a = parser.parse_args()
  measured: dict[str, list[float]] = {}
  first: dict[str, list[float]] = {}
  with tempfile.TemporaryDirectory() as scratch:
    folder, file = pathlib.Path(scratch, "model"), pathlib.Path(scratch, "rows")
    write_folder(folder)
    rows = make_rows(a.batch)  # the same batch in every step
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for _ in range(a.rounds):
      one = ours(folder, rows, a.batch, a.steps)
      per_step = float(one["tokens"])
      sides = {"prm_jax": one}
      if a.torch_python:
        sides["trl"] = theirs(a.torch_python, folder, file, a.batch, a.steps)
      for name, side in sides.items():
        measured.setdefault(name, []).extend(side["seconds"][WARM_UP:])
        first[name] = side["losses"][:3]
  told = [
    results.Row(
      name=name,
      metric="tokens per second",
      value=per_step / float(np.median(seconds)),
      ci_low=per_step / float(np.quantile(seconds, 0.75)),
      ci_high=per_step / float(np.quantile(seconds, 0.25)),
      n=len(seconds),
      cost={f"loss_{i + 1}": loss for i, loss in enumerate(first[name])},
      wall_s=float(np.sum(seconds)),
    )
    for name, seconds in measured.items()
  ]
  for row in told:
    print(row.name, f"{row.value:,.0f} tokens/s", row.cost)
  if a.out:
    results.write(a.out, "finetune", {}, told)


if __name__ == "__main__":
  main()
