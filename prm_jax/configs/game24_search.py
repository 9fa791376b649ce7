"""Search on Game of 24 with a trained policy and verifier.

  prm-jax search --config game24_search:step_beam --policy RUN/policy/model \\
    --verifier RUN/tvm/model --workdir /tmp/beam

The argument is the method: "step_beam" (default), "particle", "best_of_n" or
"greedy". `--config.task.problems=FILE` solves puzzles of your own, one per
line. `--verifier oracle` searches with the exact values.
"""

import ml_collections

from prm_jax.configs import game24_policy, search_methods

METHODS = (*search_methods.METHODS, "greedy")


def get_config(method: str = "step_beam") -> ml_collections.ConfigDict:
  c = ml_collections.ConfigDict()
  c.seed = 0
  c.task = game24_policy.get_config().task
  c.policy = ""
  c.verifier = ""
  # Of a verifier with tokens of its own: see `text.prm_table`; "": its
  # config.json tells. How steps are joined, "": as the format has it. Slots
  # for a solution, 0: a quarter more than the policy's, and 8 a step.
  c.format = ""
  c.joining = ""
  c.verifier_tokens = 0
  # Of `--verifier entropy`: what asks for the answer, of so many tokens; a row
  # whose entropy rises by more than `rise` nats in `back` steps is given up.
  # Where the answer is given beforehand (24, or the target of countdown), what
  # comes behind "|" is known, and its entropy tells little of the steps.
  c.answer_entropy = {"cue": "|", "answer": 1, "back": 2, "rise": None}
  c.target = ""  # a second policy, for the methods that need one
  c.oracle = "value"  # or "solvable"
  c.split = "test"
  c.num_problems = 0  # 0: all
  c.sampler = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}
  c.search = search_methods.get("best_of_n" if method == "greedy" else method)
  if method == "particle":
    # Telescopes to the value of the solution: few steps, a calibrated value.
    c.search.update({"potential": "difference", "resample": "always"})
  if method == "speculative_thinking":
    # Numbers have no words: a product is certain, a quotient in doubt.
    c.search.update({"certain": ("*",), "doubtful": ("/",), "checks": ()})
    c.search.update({"preview": 3, "check_tokens": 8, "recap": ""})
    c.search.update({"recap_tokens": 8, "recap_longest": 8, "recap_after": 1})
  # Strings that close a step; none: the tokenizer's own token for it.
  c.steps = {"delimiters": (), "stop": (), "max_step_tokens": 0, "barrier": 1.0}
  # How a problem is put to a public checkpoint.
  c.prompt = {"style": "auto", "system": "", "text": "{problem}"}
  # "none": the row that the method chooses; else a vote of the rows' answers.
  c.vote = {
    "rule": "none",  # "naive", "majority", "weighted", "borda", "adaptive"
    "missing": "exclude",
    "power": 0.5,
    "threshold": 0.95,
  }
  c.solver = {
    "batch_size": 64,
    "slots": 0,  # problems at a time, the others queue; 0: all of the batch
    "prompt_tokens": 8,  # 0: as many as the longest prompt has
    "max_tokens": 44,
    "cache": "auto",  # "contiguous", or "paged" as it is for trees
    "page_tokens": 16,
    "pages": 0,  # of each problem, 0: as many as rows and nodes can fill
  }
  if method == "greedy":
    c.search.num_rows = 1
    c.sampler.temperature = 0.0
  return c
