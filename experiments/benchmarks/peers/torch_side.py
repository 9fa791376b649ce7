"""The other side: `generate` of transformers, and its_hub over it.

its_hub has no model of its own that runs in its process: the two classes here
are its abstract language model and its abstract process reward model over
transformers, with one batched call where it hands over a batch.
"""

import time

import engine
import numpy as np
import torch
import transformers
from its_hub.algorithms import ParticleFiltering
from its_hub.api import AbstractLanguageModel, AbstractProcessRewardModel
from its_hub.core.lms.step_generation import StepGeneration

_FIRST = 0x4E00  # one character per token: no tokenizer is faster


def to_text(ids) -> str:
  return "".join(chr(_FIRST + i) for i in ids)


def to_ids(text: str) -> list[int]:
  return [ord(c) - _FIRST for c in text]


class Clock:
  """Seconds by part."""

  def __init__(self):
    self.seconds = {}

  def add(self, part: str, started: float) -> None:
    spent = time.perf_counter() - started
    self.seconds[part] = self.seconds.get(part, 0.0) + spent


class LanguageModel(AbstractLanguageModel):
  """Samples continuations of a batch of equally long texts."""

  def __init__(self, model, clock: Clock):
    self._model, self._clock = model, clock
    forward = model.forward

    def timed(*args, **kwargs):  # reading a prefix apart from writing on
      started = time.perf_counter()
      out = forward(*args, **kwargs)
      reads = kwargs["input_ids"].shape[1] > 1
      clock.add("read prefixes" if reads else "write tokens", started)
      return out

    model.forward = timed

  def sample(self, ids: torch.Tensor, count: int) -> torch.Tensor:
    """[b, t] -> [b, count] at temperature 1."""
    out = self._model.generate(
      ids,
      attention_mask=torch.ones_like(ids),
      do_sample=True,
      temperature=1.0,
      top_k=0,
      top_p=1.0,
      max_new_tokens=count,
      min_new_tokens=count,
      eos_token_id=None,
      pad_token_id=0,
    )
    return out[:, ids.shape[1] :]

  async def agenerate(self, messages, stop=None, **kwargs):
    texts = [
      "".join(message.content for message in conversation)
      for conversation in messages
    ]
    ids = torch.tensor([to_ids(text) for text in texts])
    new = self.sample(ids, kwargs["max_completion_tokens"])
    return [
      {"role": "assistant", "content": to_text(row)} for row in new.tolist()
    ]


class RewardModel(AbstractProcessRewardModel):
  """P(right) at the last token, of a batch of equally long solutions."""

  def __init__(self, model, clock: Clock):
    self._model, self._clock = model, clock

  def score_ids(self, ids: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
      # The head is asked for the last token alone.
      hidden = self._model.model(input_ids=ids).last_hidden_state[:, -1]
      return torch.softmax(self._model.score(hidden), dim=-1)[:, 1]

  def score(self, prompt_or_messages, steps):
    started = time.perf_counter()
    prompt = to_ids(prompt_or_messages)
    ids = torch.tensor([prompt + to_ids(text) for text in steps])
    scores = self.score_ids(ids).tolist()
    self._clock.add("score", started)
    return scores

  async def ascore(self, prompt_or_messages, steps):
    return self.score(prompt_or_messages, steps)


class Peers:
  """The same weights in transformers."""

  def __init__(self, folder, num_threads: int):
    torch.set_num_threads(num_threads)
    transformers.logging.set_verbosity_error()
    load = {"dtype": torch.float32}  # its own choice of attention
    policy = transformers.AutoModelForCausalLM.from_pretrained(
      folder / "policy", **load
    ).eval()
    verifier = transformers.AutoModelForTokenClassification.from_pretrained(
      folder / "verifier", **load
    ).eval()
    self._clock = Clock()
    self._policy, self._verifier = policy, verifier
    self._lm = LanguageModel(policy, self._clock)
    self._prm = RewardModel(verifier, self._clock)

  def check(self, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits and scores at the last token of [b, t]."""
    ids = torch.tensor(tokens)
    with torch.inference_mode():
      logits = self._policy(input_ids=ids).logits[:, -1]
    return logits.numpy(), self._prm.score_ids(ids).numpy()

  def run(self, case, prompts: np.ndarray, seed: int) -> dict:
    """Seconds of one run, and of its parts."""
    transformers.set_seed(seed)
    self._clock.seconds.clear()
    started = time.perf_counter(), time.process_time()
    tokens = (
      self._filter(case, prompts)
      if case.scored
      else self._sample(case, prompts)
    )
    spent = engine.seconds_since(started)
    assert sum(map(len, tokens)) == case.num_tokens
    return spent | {"parts": dict(self._clock.seconds)}

  def _sample(self, case, prompts) -> list[list[int]]:
    ids = torch.tensor(np.repeat(prompts, case.rows, axis=0), dtype=torch.int64)
    return self._lm.sample(ids, case.steps * case.step_tokens).tolist()

  def _filter(self, case, prompts) -> list[list[int]]:
    # It stops a row after the step that follows `max_steps`.
    steps = StepGeneration(
      max_steps=case.steps - 1,
      tokens_per_step=case.step_tokens,
      temperature=1.0,
    )
    search = ParticleFiltering(steps, self._prm)
    tokens = []
    for prompt in prompts:
      found = search.infer(
        self._lm, to_text(prompt), case.rows, return_response_only=False
      )
      assert set(found.steps_used_lst) == {case.steps}
      tokens += [to_ids(response["content"]) for response in found.responses]
    return tokens
