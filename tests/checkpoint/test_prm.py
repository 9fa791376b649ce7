"""Public process reward models give the scores that their cards tell."""

import numpy as np
import pytest

from prm_jax.checkpoint import prm
from prm_jax.models import lm, reads
from prm_jax.solvers import step_scores
from prm_jax.text import prm_table
from tests.checkpoint import prm_folders
from tests.models import reference

QUESTION = "Janet's ducks lay 16 eggs. She eats three. How many are left?"
STEPS = ["16 - 3 = 13 eggs.", "So 13 are left.", "The answer is: 13"]


def scorer(found, **options):
  config = step_scores.ScoringConfig(batch_tokens=512, **options)
  model = reads.Values(lm.Model(found.config))
  return step_scores.StepScorer(
    model, found.params, found.encoder.encode, config
  )


def hidden(table, config, tokens):
  """[t, d], by the reference with an LM head that changes nothing."""
  same = np.eye(config.embed_dim, dtype=np.float32)
  return reference.logits({**table, "lm_head.weight": same}, config, tokens)


@pytest.mark.parametrize("name", prm_folders.SHAPES)
def test_scores(name, tmp_path):
  table, config = prm_folders.write(tmp_path, name)
  told = name in prm_folders.TOLD
  found = prm.load(tmp_path, format_name="" if told else name)
  assert found.encoder.format.name == name
  encoded = found.encoder.encode(QUESTION, STEPS)
  (scored,) = scorer(found).score([encoded], ["one"])
  h = np.concatenate(
    [hidden(table, config, t.tokens)[t.step_end] for t in encoded.texts]
  )
  one = lambda text: found.encoder.tokenizer.encode(text)[-1]
  want = prm_folders.score(name, table, h, one)
  assert len(want) == (1 if name == "qwen-rm" else 3)
  np.testing.assert_allclose(scored.scores, want, atol=2e-5)
  assert np.ptp(scored.scores) > 1e-3 or name == "qwen-rm"


def test_all_formats_have_a_tiny_checkpoint():
  known = prm_folders.SHAPES.keys() | prm_folders.IMPLICIT
  assert known == prm_table.FORMATS.keys()
