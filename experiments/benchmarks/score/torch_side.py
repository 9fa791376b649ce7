"""The other side: a Qwen process reward model by torch and `transformers`.

The checkpoint's own remote code does not run on current versions, so trunk and
head are put together here, as the model card has them.
"""

import json
import pathlib

import torch
import transformers
from safetensors import torch as st

SYSTEM = (
  "Please reason step by step, and put your final answer within \\boxed{}."
)


class Reference:
  """Trunk, head and tokenizer of a folder."""

  def __init__(self, folder: pathlib.Path):
    fields = json.loads((folder / "config.json").read_text())
    config = transformers.Qwen2Config(**fields, attn_implementation="sdpa")
    self.trunk = transformers.Qwen2Model(config).eval()
    tensors = st.load_file(folder / "model.safetensors")
    self.trunk.load_state_dict(
      {
        name.removeprefix("model."): value
        for name, value in tensors.items()
        if name.startswith("model.")
      }
    )
    width = config.hidden_size
    self.head = torch.nn.Sequential(
      torch.nn.Linear(width, width),
      torch.nn.ReLU(),
      torch.nn.Linear(width, 2),
    )
    self.head.load_state_dict(
      {
        name.removeprefix("score."): value
        for name, value in tensors.items()
        if name.startswith("score.")
      }
    )
    self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    self.tag = self.tokenizer.encode("<extra_0>")[0]

  def tokens(self, question: str, steps: list[str]) -> list[int]:
    chat = [
      {"role": "system", "content": SYSTEM},
      {"role": "user", "content": question},
      {"role": "assistant", "content": "<extra_0>".join([*steps, ""])},
    ]
    text = self.tokenizer.apply_chat_template(chat, tokenize=False)
    return self.tokenizer.encode(text)

  @torch.inference_mode()
  def scores(self, batch: list[list[int]]) -> list[list[float]]:
    """One forward, padded on the right; the head at every token, as there."""
    longest = max(map(len, batch))
    ids = torch.zeros((len(batch), longest), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, own in enumerate(batch):
      ids[row, : len(own)] = torch.tensor(own)
      mask[row, : len(own)] = 1
    same = {} if len(batch) == 1 else {"attention_mask": mask}
    hidden = self.trunk(input_ids=ids, **same).last_hidden_state
    shares = self.head(hidden).float().softmax(-1)[..., 1]
    is_tag = (ids == self.tag) & (mask == 1)
    return [shares[i][is_tag[i]].tolist() for i in range(len(batch))]


def one_by_one(reference: Reference, solutions) -> list[list[float]]:
  """As the model card does it."""
  return [reference.scores([reference.tokens(*s)])[0] for s in solutions]


def batched(reference: Reference, solutions, size: int) -> list[list[float]]:
  """In the file's order, padded to the longest of a batch."""
  ids = [reference.tokens(*s) for s in solutions]
  found = []
  for start in range(0, len(ids), size):
    found += reference.scores(ids[start : start + size])
  return found


def sorted_batches(reference: Reference, solutions, size: int):
  """By length, so that hardly anything is padding."""
  ids = [reference.tokens(*s) for s in solutions]
  order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
  found: list[list[float]] = [[] for _ in ids]
  for start in range(0, len(order), size):
    own = order[start : start + size]
    scored = reference.scores([ids[i] for i in own])
    for i, scores in zip(own, scored, strict=True):
      found[i] = scores
  return found
