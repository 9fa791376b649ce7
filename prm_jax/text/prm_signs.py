"""Formats of models whose only head is an LM's.

The score is the share of one sign among its tokens, or, in implicit models,
how much more probable the solution is than to a reference model.
"""

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
EURUS_PRM = Format(
  name="eurus-prm",
  head=Head(beta=0.001, reference="Qwen/Qwen2.5-Math-7B-Instruct"),
  models=("PRIME-RL/EurusPRM-Stage1", "PRIME-RL/EurusPRM-Stage2"),
  chat="answer",
  number="Step {index}: ",
  tag="\n\n",
  joining="spans",
  ends_open=True,
  prefix_stable=False,
  source="model card; arXiv 2412.01981",
  note=(
    "sums up to each step; PRIME-RL/ImplicitPRM:eval has beta 0.005 and the "
    "reference Qwen/Qwen2.5-7B-Instruct"
  ),
)
IMPLICIT_PRM = Format(
  name="implicit-prm",
  head=Head(beta=0.001, reference="meta-llama/Llama-3.1-8B-Instruct"),
  models=("Windy0822/ImplicitPRM_DPO", "Windy0822/ImplicitPRM_CE"),
  chat="answer",
  number="Step {index}: ",
  tag="\n\n",
  joining="spans",
  ends_open=True,
  prefix_stable=False,
  source="PRIME-RL/ImplicitPRM:eval; arXiv 2412.01981",
)
