"""Formats of models that have a head of their own."""

from prm_jax.text.prm_formats import Format, Head

_REASON = (
  "Please reason step by step, and put your final answer within \\boxed{}."
)
_SUMMARY = ("v_head.summary",)

QWEN_PRM = Format(
  name="qwen-prm",
  head=Head(layers=("score.0", "score.2"), outputs=2),
  models=(
    "Qwen/Qwen2.5-Math-PRM-7B",
    "Qwen/Qwen2.5-Math-PRM-72B",
    "Qwen/Qwen2.5-Math-7B-PRM800K",
  ),
  architectures=("Qwen2ForProcessRewardModel",),
  system=_REASON,
  chat="answer",
  tag="<extra_0>",
  max_tokens=4096,
  truncation="left",
  source="model card; arXiv 2501.07301",
  note="7B-PRM800K was trained with the human labels 1 and 0 as right",
)
QWEN_RM = Format(
  name="qwen-rm",
  head=Head(layers=("score.0", "score.2"), outputs=1, transform="raw"),
  models=("Qwen/Qwen2.5-Math-RM-72B",),
  architectures=("Qwen2ForRewardModel",),
  system=_REASON,
  chat="answer",
  separator="\n\n",
  unit="solution",
  max_tokens=4096,
  aggregate="last",
  prefix_stable=False,  # read behind what the template writes at the end
  source="model card; arXiv 2409.12122",
)
UNIVERSAL_PRM = Format(
  name="universal-prm",
  head=Head(layers=("score.0", "score.2"), outputs=1, transform="sigmoid"),
  models=("infly/Universal-PRM-7B", "universalprm/Universal-PRM"),
  architectures=QWEN_RM.architectures,
  prompt="{question}\n\n###\n\nThe reference answer is: {answer}",
  no_answer="There is no reference answer for this question.",
  system="You are a helpful assistant.",
  chat="answer",
  tag="\n\n",
  joining="prefixes",
  max_tokens=32_768,
  prefix_stable=False,  # the EOS token goes when a step comes
  source="model card; arXiv 2502.11520",
  note=(
    "the class is that of qwen-rm; right steps of the card's example score "
    "about sigmoid(1) = 0.73"
  ),
)
SKYWORK = Format(
  name="skywork",
  head=Head(layers=_SUMMARY, outputs=1, transform="sigmoid"),
  models=(
    "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B",
    "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-7B",
  ),
  architectures=("Qwen2ForPrmModel",),
  prompt="{bos}{question}\n",
  tag="\n",
  inner="\n",
  joining="tokens",
  bos="none",
  aggregate="mean",
  source="SkyworkAI/skywork-o1-prm-inference:model_utils",
)
REASONEVAL_7B = Format(
  name="reasoneval-7b",
  head=Head(layers=("score_head",), outputs=3, good=(1, 2)),
  models=("GAIR/ReasonEval-7B",),
  architectures=("ReasonEval_7B",),
  prompt="Question:\n{question}\nAnswer:\nLet's think step by step.\n",
  joining="bounded",
  offset=-1,
  source="GAIR-NLP/ReasonEval:codes/examples.py; arXiv 2404.05692",
  note="read one token before the last of a step, as the authors do",
)
REASONEVAL_34B = Format(
  name="reasoneval-34b",
  head=Head(layers=("score_head",), outputs=3, good=(1, 2)),
  models=("GAIR/ReasonEval-34B",),
  architectures=("ReasonEval_34B",),
  prompt=REASONEVAL_7B.prompt,
  joining="bounded",
  source=REASONEVAL_7B.source,
)
TRL = Format(
  name="trl",
  head=Head(layers=("score",), outputs=2),
  models=(
    "trl-lib/Qwen2-0.5B-Reward-Math-Sheperd",
    "jinachris/Qwen2.5-Math-7B-PRM800K",
  ),
  architectures=(
    "LlamaForTokenClassification",
    "MistralForTokenClassification",
    "Qwen2ForTokenClassification",
    "Qwen3ForTokenClassification",
  ),
  tag="\n",
  joining="tokens",
  bos="always",
  source="huggingface/trl: PRMTrainer",
)
TRL_BLANK_LINE = Format(
  name="trl-blank-line",
  head=TRL.head,
  models=(
    "HuggingFaceH4/Qwen2.5-Math-1.5B-Instruct-PRM-0.2",
    "HuggingFaceH4/Qwen2.5-Math-7B-Instruct-PRM-0.2",
  ),
  architectures=TRL.architectures,
  tag="\n\n",
  joining="tokens",
  bos="always",
  source=TRL.source,
)
PQM = Format(
  name="pqm",
  head=Head(layers=_SUMMARY, outputs=1, transform="raw"),
  models=("Windy0822/PQM",),
  prompt=(
    "Below is an instruction that describes a task.\nWrite a response that "
    "appropriately completes the request.\n\n### Instruction:\n{question}\n\n"
    "### Response: Let's think step by step\n"
  ),
  number="Step {index}: ",
  strip=True,
  tag=" [PRM]",
  tag_token="[PRM]",
  separator="\n",
  bos="none",
  source="WindyLee0822/Process_Q_Model:bon_eval_hf.py; arXiv 2410.11287",
)
VGS = Format(
  name="vgs",
  head=Head(layers=("score.0", "score.2")),
  models=("VGS-AI/DeepSeek-VM-1.5B",),
  architectures=("Qwen2ForClassifier",),
  prompt=(
    "<｜begin▁of▁sentence｜><｜User｜>{question} Please think step-by-step and "  # noqa: RUF001
    "put your final answer within \\boxed{{}}.<｜Assistant｜><think>\n"  # noqa: RUF001
  ),
  tag="\n\n",
  joining="spans",
  bos="none",
  ends_open=True,
  max_tokens=16_384,
  aggregate="last",
  prefix_stable=False,
  source="kaiwenw/value-guided-search; arXiv 2505.17373",
  note="a value of any prefix, in blocks of 4,096 tokens in the paper",
)
RSTAR_PPM = Format(
  name="rstar-ppm",
  head=Head(layers=_SUMMARY, outputs=1, transform="tanh", scale=5.0),
  models=("rStar-Math PPM",),
  joining="spans",
  aggregate="last",
  prefix_stable=False,
  source="microsoft/rStar (rStar-Math); arXiv 2501.04519",
  note="steps bring their own marks, such as <end_of_step>",
)
ALPHA_MATH = Format(
  name="alpha-math",
  head=Head(layers=_SUMMARY, outputs=1, transform="tanh"),
  models=("MARIO-Math-Reasoning/AlphaMath-7B",),
  prompt="<question> {question} </question>\n",
  split="</step>\n",
  tag="\n",
  joining="spans",
  aggregate="last",
  prefix_stable=False,
  source="MARIO-Math-Reasoning/Super_MARIO; arXiv 2405.03553",
  note="steps bring their own <step> ... </step>; scores are in [-1, 1]",
)
OVM = Format(
  name="ovm",
  head=Head(
    layers=("vscore_head",),
    gain="gain",
    bias="bias",
    outputs=1,
    transform="raw",
  ),
  models=(
    "FreedomIntelligence/OVM-llama2-7b",
    "FreedomIntelligence/OVM-Mistral-7b",
  ),
  prompt="{question}\n",
  split="\n",
  tag="\n",
  joining="spans",
  ends_open=True,
  aggregate="last",
  prefix_stable=False,
  source="FreedomIntelligence/OVM:utils/verifier_models.py; arXiv 2311.09724",
)
REST_MCTS = Format(
  name="rest-mcts",
  head=Head(layers=("LN",), on_logits=True, outputs=1, transform="raw"),
  models=("ReST-MCTS* value model",),
  prompt="Problem: {question}\nSolution:\n",
  split="\n",
  separator="\n",
  joining="spans",
  aggregate="last",
  prefix_stable=False,
  source="THUDM/ReST-MCTS:PRM/train_VM_mistral.py; arXiv 2406.03816",
)
