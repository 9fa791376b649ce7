"""Step scores by torch and `transformers`, one function per model card.

Each follows the card's or the authors' script in its own words: its own
tokenisation, its own place to read, one forward per solution or per step.
"""

import json

import torch
import transformers
from safetensors import torch as st


class Reference:
  """A checkpoint in torch; trunk by its public class, heads by hand."""

  def __init__(self, folder):
    fields = json.loads((folder / "config.json").read_text())
    kind = {"qwen2": "Qwen2", "llama": "Llama", "mistral": "Mistral"}
    prefix = kind[fields["model_type"]]
    fields |= {"attn_implementation": "eager", "bos_token_id": None}
    config = getattr(transformers, f"{prefix}Config")(**fields)
    self.trunk = getattr(transformers, f"{prefix}Model")(config).eval()
    self.w = st.load_file(folder / "model.safetensors")
    trunk = {
      name.removeprefix("model."): value
      for name, value in self.w.items()
      if name.startswith("model.")
    }
    self.trunk.load_state_dict(trunk)
    self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    for file in ("verifier.safetensors",):
      if (folder / file).exists():
        self.w |= st.load_file(folder / file)

  @torch.no_grad()
  def hidden(self, ids):
    return self.trunk(torch.tensor([ids])).last_hidden_state[0]

  def logits(self, ids):
    return self.hidden(ids) @ self.w["lm_head.weight"].T

  def linear(self, name, x):
    bias = self.w.get(f"{name}.bias", 0)
    return x @ self.w[f"{name}.weight"].T + bias

  def mlp(self, x):
    return self.linear("score.2", torch.relu(self.linear("score.0", x)))

  def text(self, text, **options):
    return self.tokenizer(text, **options)["input_ids"]


SYSTEM = (
  "Please reason step by step, and put your final answer within \\boxed{}."
)


def _chat(model, question, answer):
  return model.tokenizer.apply_chat_template(
    [
      {"role": "system", "content": SYSTEM},
      {"role": "user", "content": question},
      {"role": "assistant", "content": answer},
    ],
    tokenize=False,
    add_generation_prompt=False,
  )


def qwen_prm(model, question, steps):
  text = _chat(model, question, "<extra_0>".join(steps) + "<extra_0>")
  ids = model.tokenizer.encode(text)
  tag = model.tokenizer.encode("<extra_0>")[0]
  shares = torch.softmax(model.mlp(model.hidden(ids)), -1)
  return [shares[i, 1] for i, token in enumerate(ids) if token == tag]


def qwen_rm(model, question, steps):
  ids = model.tokenizer.encode(_chat(model, question, "\n\n".join(steps)))
  return [model.mlp(model.hidden(ids))[-1, 0]]


def universal_prm(model, question, steps, answer=""):
  none = "There is no reference answer for this question."
  asked = f"{question}\n\n###\n\nThe reference answer is: {answer or none}"
  messages = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": asked},
  ]
  query = model.tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_dict=False
  )
  found = []
  for count in range(1, len(steps) + 1):
    said = "\n\n".join(steps[:count]) + "\n\n"
    ids = [*query, *model.text(said), model.tokenizer.eos_token_id]
    found.append(torch.sigmoid(model.mlp(model.hidden(ids))[-1, 0]))
  return found


def _at_tag(model, text, tag, plus, minus, **options):
  ids = model.text(text, **options)
  pair = model.logits(ids)[:, [plus, minus]].softmax(-1)[:, 0]
  return [pair[i] for i, token in enumerate(ids) if token == tag]


def math_shepherd(model, question, steps):
  body = "\n".join(f"Step {k}: {s} ки" for k, s in enumerate(steps, 1))
  plus, minus = model.tokenizer.encode("+ -")[1:]
  tag = model.tokenizer.encode("ки")[-1]
  return _at_tag(model, f"{question} {body}", tag, plus, minus)


def rlhflow(model, question, steps, joiner=" "):
  plus, minus = (model.tokenizer.encode(sign)[-1] for sign in "+-")
  conversation, found = [], []
  for k, step in enumerate(steps):
    text = question + joiner + step if k == 0 else step
    conversation.append({"role": "user", "content": text})
    conversation.append({"role": "assistant", "content": "+"})
    ids = model.tokenizer.apply_chat_template(conversation, return_dict=False)
    found.append(model.logits(ids)[-3, [plus, minus]].softmax(-1)[0])
  return found


def rlhflow_blank_line(model, question, steps):
  return rlhflow(model, question, steps, "\n\n")


def skywork(model, question, steps):
  encode = model.tokenizer.encode
  mark = encode("\n")[-1]
  ids, flags = encode(model.tokenizer.bos_token + question + "\n"), []
  for piece in "\n".join(steps).split("\n"):
    ids += [*(encode(piece) if piece else []), mark]
    flags.append(len(ids) - 1)
  value = model.linear("v_head.summary", model.hidden(ids))[:, 0]
  return torch.sigmoid(value)[flags]


def _reasoneval(model, question, steps, is_7b):
  mark = model.tokenizer.pad_token
  prompt = f"Question:\n{question}\nAnswer:\nLet's think step by step.\n"
  ids = model.text(prompt + mark + "".join(s + mark for s in steps))
  mark_id = model.text(mark)[-1]
  bare, places = [], []
  for i, token in enumerate(ids):
    if token == mark_id:
      places.append(i - 1 - len(places))
    else:
      bare.append(token)
  if is_7b:
    bare, places = [1, *bare], places[2:]
  else:
    places = places[1:]
  shares = model.linear("score_head", model.hidden(bare))[places].softmax(-1)
  return shares[:, 1] + shares[:, 2]


def reasoneval_7b(model, question, steps):
  return _reasoneval(model, question, steps, True)


def reasoneval_34b(model, question, steps):
  return _reasoneval(model, question, steps, False)


def math_psa(model, question, steps):
  tag = " \n\n\n\n\n"
  body = " ".join(f"Step {k}: {s}{tag}" for k, s in enumerate(steps, 1))
  plus, minus = model.tokenizer.encode(" + -")
  tag_id = model.tokenizer.encode(tag)[0]
  return _at_tag(model, f"{question} {body}", tag_id, plus, minus)


def versa_prm(model, question, steps):
  tag = model.tokenizer.encode(" \n\n\n\n")[-1]
  minus, plus = (model.tokenizer.encode(sign)[-1] for sign in "-+")
  body = "".join(f"{step} \n\n\n\n" for step in steps)
  return _at_tag(model, f"{question} \n\n{body}", tag, plus, minus)


def _trl(model, question, steps, separator):
  plain = {"add_special_tokens": False}
  bos = model.tokenizer.bos_token_id
  ids = [] if bos is None else [bos]
  ids, places = ids + model.text(question, **plain), []
  for step in steps:
    ids += model.text(step, **plain) + model.text(separator, **plain)
    places.append(len(ids) - 1)
  return model.linear("score", model.hidden(ids))[places].softmax(-1)[:, 1]


def trl(model, question, steps):
  return _trl(model, question, steps, "\n")


def trl_blank_line(model, question, steps):
  return _trl(model, question, steps, "\n\n")


def pqm(model, question, steps):
  query = (
    "Below is an instruction that describes a task.\nWrite a response that "
    f"appropriately completes the request.\n\n### Instruction:\n{question}"
    "\n\n### Response: Let's think step by step"
  )
  own = [f"Step {k}: {step}" for k, step in enumerate(steps, 1)]
  text = f"{query}\n" + " [PRM]\n".join(own) + " [PRM]"
  ids = model.text(text, add_special_tokens=False)
  tag = model.text("[PRM]", add_special_tokens=False)[-1]
  value = model.linear("v_head.summary", model.hidden(ids))[:, 0]
  return [value[i] for i, token in enumerate(ids) if token == tag]


def er_prm(model, question, steps):
  body = "".join(f"Step {k}: {s} ки" for k, s in enumerate(steps, 1))
  ends = (model.tokenizer.encode(text)[-1] for text in (" ки", " +", " -"))
  return _at_tag(model, f"{question} {body}", *ends)


def _last_of_prefixes(model, head, step_texts, read, **options):
  """One forward per prefix, read at its last token."""
  found, text = [], head
  for step in step_texts:
    text += step
    found.append(read(model.hidden(model.text(text, **options)))[-1])
  return found


def vgs(model, question, steps):
  head = (
    f"<｜begin▁of▁sentence｜><｜User｜>{question} Please think step-by-step "  # noqa: RUF001
    "and put your final answer within \\boxed{}.<｜Assistant｜><think>\n"  # noqa: RUF001
  )
  texts = [f"{step}\n\n" for step in steps[:-1]] + steps[-1:]
  read = lambda h: model.mlp(h).softmax(-1)[:, 1]
  return _last_of_prefixes(model, head, texts, read, add_special_tokens=False)


def rstar_ppm(model, question, steps):
  read = lambda h: torch.tanh(model.linear("v_head.summary", h)[:, 0] / 5)
  return _last_of_prefixes(model, question, steps, read)


def alpha_math(model, question, steps):
  head = f"<question> {question} </question>\n"
  read = lambda h: torch.tanh(model.linear("v_head.summary", h)[:, 0])
  return _last_of_prefixes(model, head, [f"{s}\n" for s in steps], read)


def ovm(model, question, steps):
  texts = [f"{step}\n" for step in steps[:-1]] + steps[-1:]
  gain, bias = model.w["gain"], model.w["bias"]
  read = lambda h: model.linear("vscore_head", gain * h + bias)[:, 0]
  return _last_of_prefixes(model, f"{question}\n", texts, read)


def rest_mcts(model, question, steps):
  head = f"Problem: {question}\nSolution:\n"
  texts = [steps[0], *(f"\n{step}" for step in steps[1:])]
  lm = model.w["lm_head.weight"].T
  read = lambda h: model.linear("LN", h @ lm)[:, 0]
  return _last_of_prefixes(model, head, texts, read)
