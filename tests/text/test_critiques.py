"""What a generative verifier is asked, written out by hand."""

import pytest

from prm_jax import errors
from prm_jax.text import critiques, hf_tokenizer
from tests.text import tiny_hf

STEPS = ["a = 1", "b = 2"]


def test_the_chat_of_two_steps(tmp_path):
  tiny_hf.write_qwen(tmp_path)
  tokenizer = hf_tokenizer.load(tmp_path)
  for style, joined in (
    (critiques.GENPRM, "Question: Q?\n\na = 1"),
    (critiques.GENPRM_LINE, "Q?\na = 1"),
  ):
    chat = critiques.Chat(style, tokenizer, style.system)
    found = tokenizer.decode(chat.ask("Q?", STEPS, ["fine"]))
    assert found == (
      f"<|im_start|>system\n{style.system}<|im_end|>\n"
      f"<|im_start|>user\n{joined}<|im_end|>\n"
      "<|im_start|>assistant\nfine<|im_end|>\n"
      "<|im_start|>user\nb = 2<|im_end|>\n<|im_start|>assistant\n"
    )


def test_verdicts_are_single_tokens(tmp_path):
  tiny_hf.write_qwen(tmp_path)
  chat = critiques.Chat(critiques.GENPRM, hf_tokenizer.load(tmp_path), "")
  with pytest.raises(errors.UserError, match="format genprm: verdict: 'No'"):
    _ = chat.verdict_ids


@pytest.mark.parametrize(
  ("steps", "part"),
  [([], "there are none"), (["", " "], "there are none"),
   (["a", " ", "b"], r"steps\[1\]: the step is empty")],
)  # fmt: skip
def test_bad_steps(steps, part):
  with pytest.raises(errors.UserError, match=part):
    critiques.kept(steps)
  assert critiques.kept(["a", "b", "\n"]) == ["a", "b"]
