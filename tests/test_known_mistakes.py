"""Mistakes that others made with process reward models, each with a test.

A test that guards against number N is called `test_mistake_N_...`, wherever
it stands; those about reading public models are here.
"""

import ast

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.checkpoint import prm
from prm_jax.models import lm, reads
from prm_jax.solvers import step_scores
from prm_jax.text import hf_tokenizer, prm_encoding, prm_table
from tests.checkpoint import prm_folders
from tests.text import tiny_hf

MISTAKES = {
  1: "the logit that is supervised is not the one that is read",
  2: "an ignored label counts as right, a soft one is cut to 0",
  3: "truncation on the right drops the labelled steps",
  4: "a tag of several tokens leaves no label or a score of NaN",
  5: "truncated generations count as finished",
  6: "token counts of zero; one aggregate whatever was asked for",
  7: "a stop string that is kept makes an empty step more",
  8: "finalisation of DVTS returns unfinished siblings",
  9: "duplicate beams; a budget that is not the number of samples",
  10: "zero probabilities are taken for masked ones",
  11: "padding is attended to",
  12: "another number of scores than of steps becomes 0.0",
  13: "an answer is right if it holds the reference as a part",
  14: "a float reward is added into an integer buffer",
  15: "one score for the last token where each step wants one",
  16: "the prompt is not the one of the training",
  17: "the baseline of steps in RLOO is biased",
  18: "step rewards alone are hacked by the number of steps",
  19: "the first step's reward stands for the trajectory's",
  20: "a threshold is chosen on the split that it is tested on",
  21: "the order of the two signs is turned round",
  22: "code that a model wrote runs in the process",
}
# What runs text as a program, or reads objects that may.
RUNS_CODE = {"eval", "exec", "compile", "system", "popen", "unsafe_load"}

Q, STEPS = "How many eggs?", ["16 - 3 = 13", "13 * 2 = 26", "Answer: 26"]


def test_each_has_a_test(project_root):
  found = set()
  for file in sorted((project_root / "tests").rglob("test_*.py")):
    for node in ast.walk(ast.parse(file.read_text())):
      if isinstance(node, ast.FunctionDef):
        name = node.name
        if name.startswith("test_mistake_"):
          found.add(int(name.split("_")[2]))
  assert found == MISTAKES.keys()


def scorer(folder, name, **options):
  found = prm.load(folder, format_name=name)
  config = step_scores.ScoringConfig(**{"batch_tokens": 512} | options)
  return found.encoder, step_scores.StepScorer(
    reads.Values(lm.Model(found.config)),
    found.params,
    found.encoder.encode,
    config,
  )


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
  path = tmp_path_factory.mktemp("qwen")
  prm_folders.write(path, "qwen-prm")
  return path


def encoder(folder, name):
  return prm_encoding.Encoder(prm_table.named(name), hf_tokenizer.load(folder))


def test_mistake_1_the_place_that_is_read_is_told_by_the_row(tmp_path):
  """At the tag where the authors read it, one before for shifted signs."""
  tiny_hf.write_llama3(tmp_path)
  at_tag = encoder(tmp_path, "versa-prm")
  found = at_tag.encode(Q, STEPS)
  assert {int(found.tokens[at]) for at in found.step_end} == {at_tag.tag_id}
  shifted = encoder(tmp_path, "rlhflow")
  found = shifted.encode(Q, STEPS)
  plus = shifted.tokenizer.single_id("+", "sign")
  assert {int(found.tokens[at + 1]) for at in found.step_end} == {plus}


def test_mistake_4_a_tag_of_several_tokens_is_an_error(tmp_path):
  tiny_hf.write(tmp_path, tiny_hf.byte_level(("<|im_end|>",)))
  with pytest.raises(errors.UserError, match="has to be one token"):
    encoder(tmp_path, "qwen-prm").check()


def test_mistake_7_no_score_for_an_empty_step(tmp_path):
  for name in ("qwen-prm", "skywork", "trl"):
    prm_folders.write(tmp_path / name, name)
    own = prm.load(tmp_path / name, format_name=name).encoder
    want = own.encode(Q, STEPS)
    found = own.encode(Q, [*STEPS, "", "\n\n"])
    np.testing.assert_array_equal(found.tokens, want.tokens)
    assert len(found.step_end) == len(STEPS)


def test_mistake_10_a_probability_of_zero_is_a_score(qwen):
  """Class 1 underflows in float32; its place is not lost."""
  own, run = scorer(qwen, "qwen-prm")
  head = run._params["params"]["value_head"]["outer"]["Dense_0"]
  head["bias"] = head["bias"].at[:].set(np.array([300.0, -300.0]))
  (found,) = run.score([own.encode(Q, STEPS)], ["one"])
  np.testing.assert_array_equal(found.scores, np.zeros(3))


def test_mistake_11_padding_changes_nothing(qwen):
  own, run = scorer(qwen, "qwen-prm")
  short, long = own.encode(Q, STEPS), own.encode(Q, STEPS * 4)
  (alone,) = run.score([short], ["one"])
  _, beside = run.score([long, short], ["one", "two"])
  np.testing.assert_allclose(alone.scores, beside.scores, atol=1e-6)


@pytest.mark.parametrize("name", prm_folders.SHAPES)
def test_mistake_12_as_many_scores_as_steps(name, tmp_path):
  prm_folders.write(tmp_path, name)
  own = prm.load(tmp_path, format_name=name).encoder
  whole = own.format.unit == "solution"
  for count in (1, 2, 3):
    found = own.encode(Q, STEPS[:count])
    places = [at for text in found.texts for at in text.step_end]
    assert len(places) == (1 if whole else count)
    assert sorted({*places}) == places


def test_mistake_15_every_step_has_a_score_of_its_own(qwen):
  own, run = scorer(qwen, "qwen-prm")
  (found,) = run.score([own.encode(Q, STEPS)], ["one"])
  assert len({*found.scores.tolist()}) == 3


def test_mistake_16_the_prompt_is_that_of_the_training(tmp_path):
  """No system message for Math-Shepherd; a blank joins RLHFlow's first."""
  tiny_hf.write_mistral(tmp_path / "a")
  own = encoder(tmp_path / "a", "math-shepherd")
  text = own.tokenizer.decode(own.encode(Q, STEPS[:1]).tokens.tolist())
  assert text.replace("<s> ", "<s>") == f"<s>{Q} Step 1: {STEPS[0]} ки"
  tiny_hf.write_llama3(tmp_path / "b")
  own = encoder(tmp_path / "b", "rlhflow")
  text = own.tokenizer.decode(own.encode(Q, STEPS[:1]).tokens.tolist())
  assert f"\n\n{Q} {STEPS[0]}<|eot_id|>" in text


def test_mistake_21_a_sure_plus_is_a_good_step(tmp_path):
  """Whatever the authors' order: the LM head's bias is put on the signs."""
  for name in ("math-shepherd", "rlhflow", "math-psa", "versa-prm", "er-prm"):
    table, _ = prm_folders.write(tmp_path / name, name)
    found = prm.load(tmp_path / name, format_name=name)
    (wrong, right), head = found.encoder.candidate_ids, table["lm_head.weight"]
    kernel = found.params["params"]["value_head"]["Dense_0"]["kernel"]
    np.testing.assert_array_equal(kernel[:, 1], head[right])
    np.testing.assert_array_equal(kernel[:, 0], head[wrong])
    token = found.encoder.tokenizer.backend.id_to_token(right)
    assert token.lstrip("Ġ▁") == "+"
    assert found.config.num_wrong == 1


def test_mistake_22_nothing_that_a_model_wrote_is_run(project_root):
  found = {}
  for file in sorted((project_root / "prm_jax").rglob("*.py")):
    for node in ast.walk(ast.parse(file.read_text())):
      if isinstance(node, ast.Import):
        names = {alias.name for alias in node.names} & {"pickle", "marshal"}
      elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        names = {node.func.id} & RUNS_CODE
      elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        names = {node.func.attr} & (RUNS_CODE - {"compile", "eval"})
      else:
        continue
      if names:
        found[file.relative_to(project_root).as_posix()] = names
  assert found == {}
