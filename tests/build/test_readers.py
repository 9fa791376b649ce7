"""Verifiers from their folders, implicit and fine-tuned ones."""

import dataclasses

import numpy as np
import pytest
from safetensors import numpy as st

from prm_jax import errors
from prm_jax.build import encoding, models, native, public, readers
from prm_jax.models import lm, reads
from prm_jax.solvers import step_scores
from tests.checkpoint import public as public_files
from tests.models import reference, tiny
from tests.text import tiny_hf

Q, STEPS = "How many eggs?", ["16 - 3 = 13", "13 * 2 = 26", "Answer: 26"]
CONFIG = tiny.config(
  vocab_size=300, use_qkv_bias=True, tie_embeddings=False
).transformer


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
  """Folders and tensors of a model and of its reference."""
  root, tables = tmp_path_factory.mktemp("implicit"), []
  for seed, name in enumerate(("own", "ref")):
    tiny_hf.write_qwen(root / name)
    public_files.write(root / name, CONFIG, "qwen2")
    tables.append(reference.weights(CONFIG, seed))
    st.save_file(tables[-1], root / name / "model.safetensors")
  return root / "own", root / "ref", tables


def log_probs(table, tokens):
  """log p of tokens 1, 2, ... given those before."""
  logits = reference.logits(table, CONFIG, tokens)[:-1]
  total = np.log(np.exp(logits).sum(-1))
  return logits[np.arange(len(logits)), tokens[1:]] - total


@pytest.mark.parametrize(("beta", "want_beta"), [(0.0, 0.001), (0.5, 0.5)])
def test_scores_are_running_sums_of_log_ratios(beta, want_beta, folders):
  own, ref, tables = folders
  reader = readers.load(
    own, format_name="eurus-prm", reference=str(ref), beta=beta
  )
  text = reader.encode(Q, STEPS)
  ratio = log_probs(tables[0], text.tokens) - log_probs(tables[1], text.tokens)
  want = [
    # Token i has its log-probability at i - 1.
    want_beta * ratio[text.prompt_length - 1 : end].sum()
    for end in text.step_end
  ]
  scorer = step_scores.StepScorer(
    reader.reading,
    reader.params,
    reader.encode,
    step_scores.ScoringConfig(batch_tokens=200),
  )
  (found,) = scorer.score([text], ["one"])
  np.testing.assert_allclose(found.scores, want, rtol=1e-4, atol=1e-6)


def test_blocks_of_logits_change_nothing():
  models = [tiny.make(seed) for seed in (0, 1)]
  params = {"model": models[0][1], "reference": models[1][1]}
  rng = np.random.default_rng(0)
  texts = reads.Texts(
    rng.integers(1, tiny.VOCAB, (3, 9)),
    length=np.array([9, 5, 7]),
    start=np.array([2, 1, 3]),
    places=np.array([[3, 8], [1, 4], [3, 6]]),
  )
  found = []
  for block in (0, 1, 7, 100):
    reading = reads.LogRatios(
      lm.Model(models[0][0].config), models[1][0], 0.3, block
    )
    run = tiny.jit(reading)
    found.append(np.asarray(run(params, texts)))
  for other in found[1:]:
    np.testing.assert_allclose(other, found[0], rtol=1e-5, atol=1e-6)


def test_what_is_missing(folders, tmp_path):
  own, _, _ = folders
  with pytest.raises(errors.UserError, match=r"Qwen2\.5-Math-7B-Instruct; get"):
    readers.load(own, format_name="eurus-prm")
  tiny_hf.write_llama3(tmp_path)
  public_files.write(tmp_path, CONFIG, "qwen2")
  with pytest.raises(errors.UserError, match="its tokenizer is not that of"):
    readers.load(own, format_name="eurus-prm", reference=str(tmp_path))


def test_a_fine_tuned_verifier_keeps_its_rule(folders, tmp_path):
  """That of its objective, as a verifier of our own tokens does."""
  begun = public.load(folders[0])
  own = tiny.make(**dataclasses.asdict(CONFIG), value_head="scalar")
  extra = {
    **begun.extra,
    "encoding": dataclasses.asdict(encoding.EncodingConfig()),
    native.AGGREGATE: "last",
  }
  models.save(
    tmp_path / "m", models.Loaded(*own, begun.tokenizer, extra), tmp_path
  )
  assert readers.load(tmp_path / "m").aggregate == "last"
