"""TRL's PRMTrainer on the same folder and rows; prints seconds per step.

Run by `run.py` with an interpreter that has torch, transformers and trl.
"""

import argparse
import json
import secrets
import time

import datasets
import torch
import transformers
from trl.experimental import prm

# What names cached data sets; it cannot pickle the types of pyarrow 26.
datasets.fingerprint.Hasher.hash = classmethod(
  lambda cls, value: secrets.token_hex(8)
)


class Clock(transformers.TrainerCallback):
  """Seconds of each update, data and optimiser included."""

  def __init__(self):
    self.seconds, self.last = [], None

  def on_step_begin(self, args, state, control, **kwargs):
    if self.last is None:
      self.last = time.perf_counter()

  def on_step_end(self, args, state, control, **kwargs):
    now = time.perf_counter()
    self.seconds.append(now - self.last)
    self.last = now


def main() -> None:
  parser = argparse.ArgumentParser()
  parser.add_argument("--folder", required=True)
  parser.add_argument("--rows", required=True)
  parser.add_argument("--steps", type=int, required=True)
  parser.add_argument("--batch", type=int, required=True)
  parser.add_argument("--threads", type=int, required=True)
  a = parser.parse_args()
  torch.set_num_threads(a.threads)
  with open(a.rows) as file:
    rows = [json.loads(line) for line in file]
  model = transformers.AutoModelForTokenClassification.from_pretrained(
    a.folder, dtype=torch.float32
  )
  tokenizer = transformers.AutoTokenizer.from_pretrained(a.folder)
  config = prm.PRMConfig(
    output_dir="unused",
    per_device_train_batch_size=a.batch,
    max_steps=a.steps,
    learning_rate=1e-5,
    lr_scheduler_type="constant",
    logging_steps=1,
    save_strategy="no",
    report_to=[],
    use_cpu=True,
    bf16=False,
    gradient_checkpointing=False,
    max_length=None,
    max_completion_length=None,
    disable_dropout=True,
    train_sampling_strategy="sequential",
    disable_tqdm=True,
  )
  clock = Clock()
  trainer = prm.PRMTrainer(
    model=model,
    args=config,
    train_dataset=datasets.Dataset.from_list(rows),
    processing_class=tokenizer,
    callbacks=[clock],
  )
  trainer.train()
  losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
  print(json.dumps({"seconds": clock.seconds, "losses": losses}))


if __name__ == "__main__":
  main()
