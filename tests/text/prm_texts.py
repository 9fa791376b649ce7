"""What every format makes of three steps, written out by hand.

The whole text as the model sees it, and the text up to and with the last token
that each score may depend on.
"""

from prm_jax.text import prm_table
from tests.text import tiny_hf

Q = "How many eggs?"
A, B, C = "16 - 3 = 13", "13 * 2 = 26 .", "Answer: 26"

QWEN = (
  f"<|im_start|>system\n{prm_table.named('qwen-prm').system}<|im_end|>\n"
  f"<|im_start|>user\n{Q}<|im_end|>\n<|im_start|>assistant\n"
)
END = "<|im_end|>\n"
LLAMA = (
  "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
  "Today: 26 Jul 2024<|eot_id|>"
)
USER = "<|start_header_id|>user<|end_header_id|>\n\n"
SIGN = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
PQM = (
  "Below is an instruction that describes a task.\nWrite a response that "
  f"appropriately completes the request.\n\n### Instruction:\n{Q}\n\n"
  "### Response: Let's think step by step\n"
)
VGS = (
  f"<｜begin▁of▁sentence｜><｜User｜>{Q} Please think step-by-step and "  # noqa: RUF001
  "put your final answer within \\boxed{}.<｜Assistant｜><think>\n"  # noqa: RUF001
)
REASON = f"Question:\n{Q}\nAnswer:\nLet's think step by step.\n"
UNIVERSAL = (
  "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
  f"<|im_start|>user\n{Q}\n\n###\n\nThe reference answer is: There is no "
  "reference answer for this question.<|im_end|>\n<|im_start|>assistant\n"
)
CHATML = (
  f"<|im_start|>system\n{tiny_hf.SYSTEM}<|im_end|>\n"
  f"<|im_start|>user\n{Q}<|im_end|>\n<|im_start|>assistant\n"
)
TEXTS = {
  "qwen-prm": (
    f"{QWEN}{A}<extra_0>{B}<extra_0>{C}<extra_0>{END}",
    [
      f"{QWEN}{A}<extra_0>",
      f"{QWEN}{A}<extra_0>{B}<extra_0>",
      f"{QWEN}{A}<extra_0>{B}<extra_0>{C}<extra_0>",
    ],
  ),
  "qwen-rm": (
    f"{QWEN}{A}\n\n{B}\n\n{C}{END}",
    [f"{QWEN}{A}\n\n{B}\n\n{C}{END}"],
  ),
  "universal-prm": (
    f"{UNIVERSAL}{A}\n\n{B}\n\n{C}\n\n<|im_end|>",
    [
      f"{UNIVERSAL}{A}\n\n<|im_end|>",
      f"{UNIVERSAL}{A}\n\n{B}\n\n<|im_end|>",
      f"{UNIVERSAL}{A}\n\n{B}\n\n{C}\n\n<|im_end|>",
    ],
  ),
  "math-shepherd": (
    f"<s> {Q} Step 1: {A} ки\nStep 2: {B} ки\nStep 3: {C} ки",
    [
      f"<s> {Q} Step 1: {A} ки",
      f"<s> {Q} Step 1: {A} ки\nStep 2: {B} ки",
      f"<s> {Q} Step 1: {A} ки\nStep 2: {B} ки\nStep 3: {C} ки",
    ],
  ),
  "rlhflow": (
    f"{LLAMA}{USER}{Q} {A}{SIGN}+<|eot_id|>{USER}{B}{SIGN}+<|eot_id|>"
    f"{USER}{C}{SIGN}+<|eot_id|>",
    [
      f"{LLAMA}{USER}{Q} {A}{SIGN}",
      f"{LLAMA}{USER}{Q} {A}{SIGN}+<|eot_id|>{USER}{B}{SIGN}",
      f"{LLAMA}{USER}{Q} {A}{SIGN}+<|eot_id|>{USER}{B}{SIGN}+<|eot_id|>"
      f"{USER}{C}{SIGN}",
    ],
  ),
  "rlhflow-blank-line": (
    f"{LLAMA}{USER}{Q}\n\n{A}{SIGN}+<|eot_id|>{USER}{B}{SIGN}+<|eot_id|>"
    f"{USER}{C}{SIGN}+<|eot_id|>",
    [
      f"{LLAMA}{USER}{Q}\n\n{A}{SIGN}",
      f"{LLAMA}{USER}{Q}\n\n{A}{SIGN}+<|eot_id|>{USER}{B}{SIGN}",
      f"{LLAMA}{USER}{Q}\n\n{A}{SIGN}+<|eot_id|>{USER}{B}{SIGN}+<|eot_id|>"
      f"{USER}{C}{SIGN}",
    ],
  ),
  "skywork": (
    f"<|endoftext|>{Q}\n{A}\n{B}\n{C}\n",
    [
      f"<|endoftext|>{Q}\n{A}\n",
      f"<|endoftext|>{Q}\n{A}\n{B}\n",
      f"<|endoftext|>{Q}\n{A}\n{B}\n{C}\n",
    ],
  ),
  "reasoneval-34b": (
    f"<s> {REASON}{A}{B}{C}",
    [f"<s> {REASON}{A}", f"<s> {REASON}{A}{B}", f"<s> {REASON}{A}{B}{C}"],
  ),
  "math-psa": (
    f"{Q} Step 1: {A} \n\n\n\n\n Step 2: {B} \n\n\n\n\n Step 3: {C} \n\n\n\n\n",
    [
      f"{Q} Step 1: {A} \n\n\n\n\n",
      f"{Q} Step 1: {A} \n\n\n\n\n Step 2: {B} \n\n\n\n\n",
      f"{Q} Step 1: {A} \n\n\n\n\n Step 2: {B} \n\n\n\n\n Step 3: {C}"
      " \n\n\n\n\n",
    ],
  ),
  "versa-prm": (
    f"<|begin_of_text|>{Q} \n\n{A} \n\n\n\n{B} \n\n\n\n{C} \n\n\n\n",
    [
      f"<|begin_of_text|>{Q} \n\n{A} \n\n\n\n",
      f"<|begin_of_text|>{Q} \n\n{A} \n\n\n\n{B} \n\n\n\n",
      f"<|begin_of_text|>{Q} \n\n{A} \n\n\n\n{B} \n\n\n\n{C} \n\n\n\n",
    ],
  ),
  "trl": (
    f"{Q}{A}\n{B}\n{C}\n",
    [f"{Q}{A}\n", f"{Q}{A}\n{B}\n", f"{Q}{A}\n{B}\n{C}\n"],
  ),
  "trl-blank-line": (
    f"<|begin_of_text|>{Q}{A}\n\n{B}\n\n{C}\n\n",
    [
      f"<|begin_of_text|>{Q}{A}\n\n",
      f"<|begin_of_text|>{Q}{A}\n\n{B}\n\n",
      f"<|begin_of_text|>{Q}{A}\n\n{B}\n\n{C}\n\n",
    ],
  ),
  "pqm": (
    f"{PQM}Step 1: {A} [PRM]\nStep 2: {B} [PRM]\nStep 3: {C} [PRM]",
    [
      f"{PQM}Step 1: {A} [PRM]",
      f"{PQM}Step 1: {A} [PRM]\nStep 2: {B} [PRM]",
      f"{PQM}Step 1: {A} [PRM]\nStep 2: {B} [PRM]\nStep 3: {C} [PRM]",
    ],
  ),
  "er-prm": (
    f"<|begin_of_text|>{Q} Step 1: {A} киStep 2: {B} киStep 3: {C} ки",
    [
      f"<|begin_of_text|>{Q} Step 1: {A} ки",
      f"<|begin_of_text|>{Q} Step 1: {A} киStep 2: {B} ки",
      f"<|begin_of_text|>{Q} Step 1: {A} киStep 2: {B} киStep 3: {C} ки",
    ],
  ),
  "vgs": (
    f"{VGS}{A}\n\n{B}\n\n{C}",
    [f"{VGS}{A}\n\n", f"{VGS}{A}\n\n{B}\n\n", f"{VGS}{A}\n\n{B}\n\n{C}"],
  ),
  "rstar-ppm": (f"{Q}{A}{B}{C}", [f"{Q}{A}", f"{Q}{A}{B}", f"{Q}{A}{B}{C}"]),
  "alpha-math": (
    f"<|begin_of_text|><question> {Q} </question>\n{A}\n{B}\n{C}\n",
    [
      f"<|begin_of_text|><question> {Q} </question>\n{A}\n",
      f"<|begin_of_text|><question> {Q} </question>\n{A}\n{B}\n",
      f"<|begin_of_text|><question> {Q} </question>\n{A}\n{B}\n{C}\n",
    ],
  ),
  "ovm": (
    f"<s> {Q}\n{A}\n{B}\n{C}",
    [f"<s> {Q}\n{A}\n", f"<s> {Q}\n{A}\n{B}\n", f"<s> {Q}\n{A}\n{B}\n{C}"],
  ),
  "rest-mcts": (
    f"<s> Problem: {Q}\nSolution:\n{A}\n{B}\n{C}",
    [
      f"<s> Problem: {Q}\nSolution:\n{A}",
      f"<s> Problem: {Q}\nSolution:\n{A}\n{B}",
      f"<s> Problem: {Q}\nSolution:\n{A}\n{B}\n{C}",
    ],
  ),
  "eurus-prm": (
    f"{CHATML}Step 1: {A}\n\nStep 2: {B}\n\nStep 3: {C}{END}",
    [
      f"{CHATML}Step 1: {A}\n\n",
      f"{CHATML}Step 1: {A}\n\nStep 2: {B}\n\n",
      f"{CHATML}Step 1: {A}\n\nStep 2: {B}\n\nStep 3: {C}",
    ],
  ),
  "implicit-prm": (
    f"{LLAMA}{USER}{Q}{SIGN}Step 1: {A}\n\nStep 2: {B}\n\nStep 3: {C}"
    "<|eot_id|>",
    [
      f"{LLAMA}{USER}{Q}{SIGN}Step 1: {A}\n\n",
      f"{LLAMA}{USER}{Q}{SIGN}Step 1: {A}\n\nStep 2: {B}\n\n",
      f"{LLAMA}{USER}{Q}{SIGN}Step 1: {A}\n\nStep 2: {B}\n\nStep 3: {C}",
    ],
  ),
}
