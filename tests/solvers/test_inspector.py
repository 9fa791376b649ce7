"""What stands before the answer, and where its tokens are predicted."""

import pytest
from tokenizers import normalizers

from prm_jax import errors
from prm_jax.solvers import inspector
from prm_jax.tasks import base as tasks
from prm_jax.text import hf_tokenizer, public_notation
from prm_jax.text import tokenizer as tokenizer_lib
from tests.text import tiny_hf

NATIVE = tokenizer_lib.number_tokenizer(30)


@pytest.fixture(scope="module")
def public(tmp_path_factory):
  path = tmp_path_factory.mktemp("tokenizer")
  tiny_hf.write_qwen(path)
  read = hf_tokenizer.load(path)
  return public_notation.PublicNotation(read, (read.eos_id,))


def problem(answer, prompt="10 : 3 + 4 + 7 :"):
  return tasks.Problem("p", "", prompt, answer)


def cut(tokenizer, found):
  """(text up to where the first law is read, text of the answer)."""
  assert (found.step_end[1:] == found.step_end[:-1] + 1).all()
  assert found.step_end[-1] == len(found.tokens) - 2
  first = found.step_end[0] + 1
  return tuple(
    tokenizer.decode(ids.tolist())
    for ids in (found.tokens[:first], found.tokens[first:])
  )


def test_every_prefix_of_a_chain():
  ask = inspector.Asking(NATIVE)
  found = ask(problem("4"), ("3 + 4 = 7", "7 + 7 = 4", "= 4"))
  assert [cut(NATIVE, text) for text in found.texts] == [
    ("10 : 3 + 4 + 7 : =", "4"),
    ("10 : 3 + 4 + 7 : 3 + 4 = 7 ; =", "4"),
    ("10 : 3 + 4 + 7 : 3 + 4 = 7 ; 7 + 7 = 4 ; =", "4"),
  ]  # not behind the step that tells the answer itself


def test_numbers_of_several_tokens_and_other_cues():
  ask = inspector.Asking(NATIVE, cue="|")
  found = ask(problem(" 8/3 "), ("= 2",))
  assert [cut(NATIVE, text)[1] for text in found.texts] == ["8/3"] * 2
  assert cut(NATIVE, found)[0].endswith("= 2 ; |")
  assert len(found.step_end) == 3
  bare = inspector.Asking(NATIVE, cue="")(problem("4"), ("3",))
  assert cut(NATIVE, bare) == ("10 : 3 + 4 + 7 : 3 ;", "4")


def test_public_checkpoints(public):
  ask = inspector.Asking(public)
  found = ask(problem("26", "13 * 2?"), ("13 * 2 = 26", "# Answer\n\n26"))
  begun = public.tokenizer.decode(public.encode_prompt("13 * 2?"))
  assert [cut(public.tokenizer, text) for text in found.texts] == [
    (f"{begun}\n# Answer\n\n", "26"),
    (f"{begun}13 * 2 = 26\n\n\n# Answer\n\n", "26"),
  ]


def test_a_token_of_both_is_the_answers(public):
  """` eggs` is one token of the tokenizer."""
  found = inspector.Asking(public, cue="13 ")(problem("eggs", "?"), ())
  assert cut(public.tokenizer, found)[1] == " eggs"
  assert len(found.step_end) == 1


@pytest.mark.parametrize(
  ("answer", "steps", "cue", "told"),
  [
    (None, ("3",), "auto", "answer: problem 'p' has none"),
    (" ", ("3",), "auto", "answer: problem 'p' has none"),
    ("pi", ("3",), "auto", "answer.*'pi'"),
    ("4", ("3",), "so", "cue.*'so'"),
    ("4", ("3", " "), "auto", r"steps\[1\]: the step is empty"),
    ("4", ("3", "x"), "auto", r"steps\[1\].*'x'"),
  ],
)
def test_mistakes(answer, steps, cue, told):
  ask = inspector.Asking(NATIVE, cue=cue)
  for refused in (ask, ask.check):
    with pytest.raises(errors.UserError, match=told):
      refused(problem(answer), steps)


def test_an_answer_that_is_not_written(tmp_path):
  tiny_hf.write_qwen(tmp_path)
  read = hf_tokenizer.load(tmp_path)
  read.backend.normalizer = normalizers.Lowercase()
  notation = public_notation.PublicNotation(read, (read.eos_id,))
  ask = inspector.Asking(notation)
  ask.check(problem("x + y", "?"), ())
  with pytest.raises(errors.UserError, match="'X': the tokenizer does not"):
    ask.check(problem("X", "?"), ())
