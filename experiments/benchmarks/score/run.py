"""Step scores of GSM8K's test solutions, ours and torch in turns.

python experiments/benchmarks/score/run.py --input gsm8k/test.jsonl --out FILE

Needs the package's `parity` extra. A checkpoint in Qwen's format with random
weights is written first; both sides read it, tokenise and score all solutions
from texts to numbers. Loading and compiling are told apart from the rates.
"""

import argparse
import json
import os
import pathlib
import statistics
import tempfile
import time

import jax
import numpy as np
import tokenizers
import torch
import torch_side
from safetensors import numpy as st
from tokenizers import (
  decoders,
  models,
  normalizers,
  pre_tokenizers,
  trainers,
)

from prm_jax.build import readers
from prm_jax.data import solution_files
from prm_jax.solvers import step_scores

SIZES = {"vocab_size": 4096, "hidden_size": 128, "intermediate_size": 352,
         "num_hidden_layers": 3, "num_attention_heads": 4,
         "num_key_value_heads": 2}  # fmt: skip
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<extra_0>"]
# Qwen's; `transformers` puts it in whatever the tokenizer's file has.
PATTERN = (
  r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
  r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEMPLATE = (
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + "
  "'<|im_end|>\n' }}{% endfor %}"
)


def write_checkpoint(folder: pathlib.Path, texts: list[str]) -> None:
  """Random weights in the files of a Qwen process reward model."""
  backend = tokenizers.Tokenizer(models.BPE())
  backend.normalizer = normalizers.NFC()
  backend.pre_tokenizer = pre_tokenizers.Sequence(
    [
      pre_tokenizers.Split(tokenizers.Regex(PATTERN), "isolated"),
      pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
  )
  backend.decoder = decoders.ByteLevel()
  trainer = trainers.BpeTrainer(
    vocab_size=SIZES["vocab_size"] - len(SPECIAL),
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    show_progress=False,
  )
  backend.train_from_iterator(texts, trainer)
  backend.add_special_tokens(SPECIAL)
  backend.save(str(folder / "tokenizer.json"))
  described = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "chat_template": TEMPLATE,
    "eos_token": "<|im_end|>",
  }
  (folder / "tokenizer_config.json").write_text(json.dumps(described))
  fields = {
    "architectures": ["Qwen2ForProcessRewardModel"],
    "model_type": "qwen2",
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "rope_theta": 10_000.0,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
  }
  (folder / "config.json").write_text(json.dumps(SIZES | fields))
  st.save_file(tensors(), folder / "model.safetensors")


def tensors() -> dict[str, np.ndarray]:
  rng = np.random.default_rng(0)
  width, inner = SIZES["hidden_size"], SIZES["intermediate_size"]
  small = width // SIZES["num_attention_heads"] * SIZES["num_key_value_heads"]

  def matrix(*shape):
    return rng.normal(0, shape[-1] ** -0.5, shape).astype(np.float32)

  found = {
    "model.embed_tokens.weight": matrix(SIZES["vocab_size"], width),
    "model.norm.weight": np.ones(width, np.float32),
    "score.0.weight": matrix(width, width),
    "score.0.bias": matrix(width),
    "score.2.weight": matrix(2, width),
    "score.2.bias": matrix(2),
  }
  for i in range(SIZES["num_hidden_layers"]):
    at = f"model.layers.{i}"
    for name, out in (("q", width), ("k", small), ("v", small)):
      found[f"{at}.self_attn.{name}_proj.weight"] = matrix(out, width)
      found[f"{at}.self_attn.{name}_proj.bias"] = matrix(out)
    found[f"{at}.self_attn.o_proj.weight"] = matrix(width, width)
    found[f"{at}.mlp.gate_proj.weight"] = matrix(inner, width)
    found[f"{at}.mlp.up_proj.weight"] = matrix(inner, width)
    found[f"{at}.mlp.down_proj.weight"] = matrix(width, inner)
    for name in ("input_layernorm", "post_attention_layernorm"):
      found[f"{at}.{name}.weight"] = np.ones(width, np.float32)
  return found


def ours(scorer, reader, solutions):
  texts = [reader.encode(*solution) for solution in solutions]
  names = [str(i) for i in range(len(texts))]
  return [one.scores for one in scorer.score(texts, names)]


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--input", required=True)
  parser.add_argument("--out", required=True)
  parser.add_argument("--rounds", type=int, default=3)
  parser.add_argument("--batch_tokens", type=int, default=0)
  parser.add_argument("--batch", type=int, default=16, help="of torch")
  parser.add_argument("--threads", type=int, default=os.cpu_count())
  args = parser.parse_args()
  torch.set_num_threads(args.threads)
  items = solution_files.read(args.input, "\n").items
  solutions = [(item.problem.prompt, list(item.steps)) for item in items]
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    write_checkpoint(folder, [q + "\n".join(s) for q, s in solutions])
    reader = readers.load(folder)
    reference = torch_side.Reference(folder)
  config = step_scores.ScoringConfig(batch_tokens=args.batch_tokens)
  scorer = step_scores.StepScorer(
    reader.reading, reader.params, reader.encode, config
  )
  sides = {
    "prm_jax": lambda own: ours(scorer, reader, own),
    "torch, one by one": lambda own: torch_side.one_by_one(reference, own),
    "torch, batches": lambda own: torch_side.batched(
      reference, own, args.batch
    ),
    "torch, sorted batches": lambda own: torch_side.sorted_batches(
      reference, own, args.batch
    ),
  }
  seconds: dict[str, list[float]] = {side: [] for side in sides}
  cpu: dict[str, list[float]] = {side: [] for side in sides}
  scores, first = {}, {}
  for number in range(args.rounds + 1):
    for side, run in sides.items():
      started, busy = time.perf_counter(), time.process_time()
      # To be warm torch needs no more than a few.
      is_short = number == 0 and side != "prm_jax"
      scores[side] = run(solutions[:32] if is_short else solutions)
      spent = time.perf_counter() - started
      if number:
        seconds[side].append(spent)
        cpu[side].append(time.process_time() - busy)
      else:  # programs are compiled, memory is found
        first[side] = spent
      print(number, side, f"{spent:.1f} s", flush=True)
  num_tokens = sum(len(reader.encode(*s).tokens) for s in solutions)
  report(args, seconds, cpu, first, scores, num_tokens)


def report(args, seconds, cpu, first, scores, num_tokens) -> None:
  own = np.concatenate(scores["prm_jax"])
  rows = [
    {
      "side": side,
      "seconds": statistics.median(spent),
      "cpu_seconds": statistics.median(cpu[side]),
      "first_seconds": first[side],
      "tokens_per_s": num_tokens / statistics.median(spent),
      "times_ours": statistics.median(
        a / b for a, b in zip(spent, seconds["prm_jax"], strict=True)
      ),
      "cpu_times_ours": statistics.median(
        a / b for a, b in zip(cpu[side], cpu["prm_jax"], strict=True)
      ),
      "largest_difference": float(
        np.max(np.abs(np.concatenate(scores[side]) - own))
      ),
    }
    for side, spent in seconds.items()
  ]
  found = {
    "solutions": len(scores["prm_jax"]),
    "steps": len(own),
    "tokens": num_tokens,
    "cores": os.cpu_count(),
    "torch_threads": args.threads,
    "load_average": os.getloadavg(),
    "versions": {"jax": jax.__version__, "torch": torch.__version__},
    "rounds": args.rounds,
    "sizes": SIZES,
    "rows": rows,
  }
  pathlib.Path(args.out).write_text(json.dumps(found, indent=1) + "\n")
  for row in rows:
    print(row)


if __name__ == "__main__":
  main()
