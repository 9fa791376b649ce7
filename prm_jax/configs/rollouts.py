"""Step labels by Monte-Carlo rollouts (Math-Shepherd, arXiv 2312.08935).

  prm-jax label --config rollouts --policy RUN/policy/model \\
    --input solutions.jsonl --config.problems=problems.jsonl \\
    --workdir work/labels

The input holds solutions, and problems where `problems` names no file. The
argument is the task: "game24" (default), "countdown", "chain",
"graph_arithmetic", "register_programs", or "questions" for text that a public
checkpoint writes (there a line is {"question": ..., "steps": [...], "answer":
...}). Labels go to `labels.jsonl`, their statistics and cost to
`label_stats.json`. 128 solutions of Game of 24 take the quickstart's policy 2
CPU seconds once it is compiled, and 24,600 tokens; all methods are measured in
`experiments/benchmarks/labelling`.
"""

import ml_collections

from prm_jax.configs import (
  chain_policy,
  countdown_policy,
  game24_policy,
  graph_policy,
  program_policy,
  questions_search,
)

_TASKS = {
  "game24": lambda: game24_policy.get_config().task,
  "countdown": lambda: countdown_policy.get_config().task,
  "chain": lambda: chain_policy.get_config().task,
  "graph_arithmetic": lambda: graph_policy.get_config().task,
  "register_programs": lambda: program_policy.get_config().task,
  "questions": lambda: questions_search.get_config().task,
}


def get_config(task: str = "game24") -> ml_collections.ConfigDict:
  search = questions_search.get_config("best_of_n")
  c = ml_collections.ConfigDict()
  c.seed = 0
  c.task = _TASKS[task]()
  c.policy = ""  # the completer
  c.completer = ""  # its name in the records; "": the folder's
  c.input = ""
  c.problems = ""  # a file of problems that the solutions name
  c.split = "\n\n"  # between the steps of a whole text
  c.skip_bad = False
  c.labeller = {"name": "rollouts"}
  c.rollouts = {
    "num": 8,
    "threshold": 0.0,  # right: more than this share is correct
    "targets": "hard",  # or "soft"
    "after_error": "label",  # or "ignore", "skip"
    "last": "answer",  # or "rollouts"
    "root": False,  # complete the bare problem, too: pass@1
  }
  c.shard = 0  # of the problems, this process's
  c.num_shards = 1
  c.chunk = 256  # solutions between two writes
  c.sampler = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}
  c.prompt = search.prompt
  c.steps = {"delimiters": (), "stop": (), "max_step_tokens": 0, "barrier": 0.0}
  c.solver = {
    "batch_size": 64,  # prefixes
    "slots": 0,  # prefixes at a time, the others queue; 0: all of the batch
    "prompt_tokens": 0,  # 0: as many as the longest prefix has
    "max_tokens": 44,
    "cache": "auto",
    "page_tokens": 16,
    "pages": 0,
  }
  if task == "questions":
    c.steps.delimiters = ("\n\n",)
    c.solver.update(batch_size=8, max_tokens=2048)
  return c
