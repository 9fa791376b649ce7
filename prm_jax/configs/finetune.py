"""Fine-tuning of a public checkpoint: a verifier, or the policy itself.

  prm-jax train --config finetune:step --policy DIR \\
    --config.examples.problems=problems.jsonl \\
    --config.examples.labels=labels.jsonl --workdir work/prm

The argument is the objective: "step" (default; labels at step ends), "orm",
"ovm", "tvm" or "sft" (solutions), or the format of a public data set, such as
"math_shepherd" (step labels) or "gsm8k" (solutions), whose files
`--config.source.path` names then. `--config.lora.rank=8` trains adapters and
the new head alone; what is saved is the merged model. `work/prm/model` guides
`prm-jax search --verifier`; with `--config.export=hf` there is also
`work/prm/hf`, which `transformers` loads. The defaults are those of TRL's
stepwise trainer but for the length. A policy of 0.5 B parameters takes about 20
GB for whole parameters (float32, Adam), 4 GB for adapters.
"""

import ml_collections

from prm_jax.configs import public_labels

# Public sets of solutions without labels.
_SOLUTIONS = ("gsm8k", "math", "math500")


def get_config(what: str = "step") -> ml_collections.ConfigDict:
  is_public = what in public_labels.OPTIONS
  c = public_labels.get_config(what if is_public else "trl")
  objective = what
  if is_public:
    objective = "sft" if what in _SOLUTIONS else "step"
  c.task = {
    "name": "questions",
    "problems": "",
    "max_steps": 40,
    "max_step_tokens": 256,
  }
  c.examples.source = "public" if is_public else "files"
  is_policy = objective == "sft"
  head = "step" if objective == "step" else "scalar"
  c.model = {
    "use_lm_head": is_policy,
    "value_head": "none" if is_policy else head,
    "num_classes": 2,
    "value_link": "sigmoid",
    "dtype": "",  # of activations; "": as the checkpoint has it
    "use_remat": True,
  }
  c.objective.name = objective
  if is_policy:
    c.encoding.update(prompt="chat", separator="\n\n", ending="eos")
  c.lora = {"rank": 0, "alpha": 16.0, "targets": ("q_proj", "v_proj")}
  c.export = ""  # "hf": also as a folder of transformers
  c.data = {
    "batch_size": 8,
    "length": 1024,
    "layout": "bucket",
    "boundaries": (256, 512, 1024),
    "order": "random",
    "too_long": "drop",
  }
  c.optim.update(
    name="adamw", learning_rate=1e-5, warmup_steps=10, b2=0.999,
    weight_decay=0.0, final_fraction=0.0,
  )  # fmt: skip
  c.fit = {
    "num_steps": 1000,
    "log_every": 10,
    "eval_every": 0,
    "save_every": 200,
  }
  return c
