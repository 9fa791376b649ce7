"""A step verifier from the labels of a public data set.

  prm-jax train --config public_labels:math_shepherd \\
    --config.source.path=math-shepherd.jsonl --model DIR --workdir /tmp/prm

The argument is the format; `source.options` has what it can do. `--model` is
one of ours with a trunk of this config's sizes; a public checkpoint is trained
by `finetune:FORMAT`.
"""

import ml_collections

from prm_jax.configs import chain_steps

# The defaults of each format.
OPTIONS = {
  "gsm8k": {"calculator": "keep", "steps": "newline"},
  "math": {"steps": "blank_line"},
  "math500": {"steps": "blank_line"},
  "math_aps": {"num_rollouts": 32, "shared": "repeat"},
  "math_shepherd": {},
  "prm800k": {
    "neutral": "correct",
    "rows": "alternatives",
    "screening": "drop",
  },
  "prm_bench": {},
  "process_bench": {},
  "reward_bench": {"subset": "math-prm"},
  "reward_math": {},
  "trl": {},
}


def get_config(form: str = "trl") -> ml_collections.ConfigDict:
  c = chain_steps.get_config()
  c.examples.source = "public"
  c.source = {
    "format": form,
    "path": "",
    "eval_path": "",
    "skip_bad": False,
    "storage": "rows",
    "options": OPTIONS.get(form, {}),
  }
  c.encoding = {
    "prompt": "plain",
    "prompt_text": "{problem}",
    "separator": "\n",
    "single_token": False,
    "joining": "token",
    "ending": "open",  # or "eos", for a policy
  }
  return c
