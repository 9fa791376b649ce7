"""Formats whose score is the share of one sign among an LM head's tokens."""

from prm_jax.text.prm_formats import Format, Head

_SIGNS = Head(candidates=("-", "+"))
_SPACED_SIGNS = Head(candidates=(" -", " +"))

MATH_SHEPHERD = Format(
  name="math-shepherd",
  head=_SIGNS,
  models=("peiyi9979/math-shepherd-mistral-7b-prm",),
  prompt="{question} ",
  number="Step {index}: ",
  strip=True,
  split="\n",
  tag=" ки",
  tag_token="ки",
  separator="\n",
  source="model card; arXiv 2312.08935",
)
RLHFLOW = Format(
  name="rlhflow",
  head=_SIGNS,
  models=(
    "RLHFlow/Llama3.1-8B-PRM-Mistral-Data",
    "RLHFlow/Llama3.1-8B-PRM-Deepseek-Data",
  ),
  chat="turns",
  strip=True,
  separator=" ",
  sign="+",
  offset=-1,
  aggregate="mean",
  source="RLHFlow/RLHF-Reward-Modeling:math-rm/prm_evaluate.py",
  note="every earlier step is said to be right, whatever it scored",
)
RLHFLOW_BLANK_LINE = Format(
  name="rlhflow-blank-line",
  head=_SIGNS,
  models=RLHFLOW.models,
  chat="turns",
  strip=True,
  separator="\n\n",
  sign="+",
  offset=-1,
  aggregate="mean",
  source="QwenLM/ProcessBench:code/run_eval_prm_rlhflow.py",
  note="not what the models were trained on; for comparison with that script",
)
MATH_PSA = Format(
  name="math-psa",
  head=_SPACED_SIGNS,
  models=("openreasoner/Math-psa",),
  prompt="{question} ",
  number="Step {index}: ",
  strip=True,
  tag=" \n\n\n\n\n",
  separator=" ",
  source="openreasoner/openr:prm/infer_fns.py",
  note="trained on the logits one token before the tag, read at the tag",
)
VERSA_PRM = Format(
  name="versa-prm",
  head=_SIGNS,
  models=(
    "UW-Madison-Lee-Lab/VersaPRM",
    "UW-Madison-Lee-Lab/VersaPRM-Base-8B",
    "UW-Madison-Lee-Lab/VersaPRM-Base-3B",
    "UW-Madison-Lee-Lab/VersaPRM-Aug",
    "UW-Madison-Lee-Lab/Llama-PRM800K",
    "UW-Madison-Lee-Lab/Qwen-PRM800K",
  ),
  prompt="{question} \n\n",
  strip=True,
  tag=" \n\n\n\n",
  source="UW-Madison-Lee-Lab/VersaPRM:evaluation/prm_models; arXiv 2502.06737",
  note="training stops a chain at its first wrong step",
)
ER_PRM = Format(
  name="er-prm",
  head=_SPACED_SIGNS,
  models=("HanningZhang/Llama3.1-Math-PRM",),
  prompt="{question} ",
  number="Step {index}: ",
  strip=True,
  split="\n",
  tag=" ки",
  source="hanningzhang/ER-PRM:evaluation; arXiv 2412.11006",
)
