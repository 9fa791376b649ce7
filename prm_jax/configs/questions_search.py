"""Search on questions of a JSON-lines file with public checkpoints.

  prm-jax search --policy DIR --verifier DIR --input questions.jsonl \\
    --workdir work/search

The argument is the method, as in `search_methods.py`: "step_beam" by default.
A line of the file is an object with `question` (or `problem`, or `prompt`) and
perhaps `answer`. Policy and verifier are folders of `transformers`
(config.json, safetensors, tokenizer.json) or models trained here. The seconds
it takes are those of the checkpoints: a policy of 1.5 B parameters wants an
accelerator.
"""

import ml_collections

from prm_jax.configs import game24_search, search_methods

METHODS = game24_search.METHODS


def get_config(method: str = "step_beam") -> ml_collections.ConfigDict:
  c = game24_search.get_config(method)
  c.task = {
    "name": "questions",
    "problems": "",
    "max_steps": 40,
    "max_step_tokens": 256,
    # Where the answer stands, tried in turn; see `tasks.answers`.
    "rules": ("boxed", "hashes", "answer_is", "last_number"),
  }
  c.sampler.temperature = 0.0 if method == "greedy" else 0.8
  if method == "speculative_thinking":
    c.search = search_methods.get(method)  # words, not the signs of numbers
    c.sampler.update({"temperature": 0.6, "top_k": 50, "top_p": 0.95})
  c.prompt.system = (
    "Please reason step by step, and put your final answer within \\boxed{}."
  )
  c.answer_entropy.update(cue="The final answer is", answer=4)
  c.steps.delimiters = ("\n\n",)
  c.solver.update(batch_size=8, prompt_tokens=0, max_tokens=2048)
  return c
