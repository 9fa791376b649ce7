"""What steps tell a language model about the answer (arXiv 2508.20395).

  prm-jax label --config inspector --model DIR --input solutions.jsonl \\
    --config.problems=problems.jsonl --workdir work/inspected

DIR is a policy that was trained here or a public checkpoint. The input holds
labels that `label` wrote, or solutions, which get records without counts;
their problems, with reference answers, are in `problems` or in the input
itself. After each step the model is asked for that answer, and every record
goes to `labels.jsonl` as it came, with two more quantities per step in
`extra`, in bits: `answer_entropy`, the mean entropy of the laws of the
answer's tokens, with `answer_entropy_gain`, what the step took from it; and
`answer_surprisal` of the true answer. A step that begins with the cue tells
the answer itself: there and behind it all three are null. Means by outcome and
the tokens that were read go to `label_stats.json`. `relabel:information` takes
the outcome of completions for the answer and reads no model. 128 chains of 5
steps take a model of 2 layers half a CPU second once it is compiled, and 16,700
tokens.
"""

import ml_collections

from prm_jax.configs import questions_search


def get_config() -> ml_collections.ConfigDict:
  search = questions_search.get_config("best_of_n")
  c = ml_collections.ConfigDict()
  c.labeller = {"name": "inspector"}
  c.model = ""
  c.input = ""
  c.problems = ""  # a file of problems that the solutions name
  c.split = "\n\n"  # between the steps of a whole text
  c.skip_bad = False
  # Text between steps and answer: "auto" is `=` for models of generated tasks,
  # as in chain and graph_arithmetic, and "\n# Answer\n\n" for checkpoints.
  c.inspector = {"cue": "auto"}
  c.prompt = search.prompt  # how a problem is put to a public checkpoint
  c.steps = {"delimiters": ()}  # the first closes each step; none: blank lines
  c.shard = 0  # of the solutions, this process's
  c.num_shards = 1
  c.chunk = 256  # solutions between two writes
  c.max_tokens = 0  # of a text; 0: what config.json says
  c.overlong = "stop"  # or "left", "skip"
  c.batch_tokens = 0  # of one forward; 0: as the device wants it
  return c
