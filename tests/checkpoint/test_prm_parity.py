"""Step scores as torch gives them, by the model cards."""

import numpy as np
import pytest

from prm_jax.build import readers
from prm_jax.checkpoint import prm
from prm_jax.models import lm, reads
from prm_jax.solvers import step_scores
from tests.checkpoint import prm_folders

pytest.importorskip("torch")
pytest.importorskip("transformers")

SOLUTIONS = [
  ("Janet's ducks lay 16 eggs.", ["16 - 3 = 13 eggs a day.", "13 * 2 = $26."]),
  ("x = ? é", ["We have \\boxed{12}", "so y = -7.5", "- 2", "The answer: 18"]),
  ("One step?", ["Answer: 26"]),
]


@pytest.mark.parametrize("name", prm_folders.SHAPES)
def test_scores(name, tmp_path):
  from tests.checkpoint import prm_torch

  prm_folders.write(tmp_path, name)
  found = prm.load(tmp_path, format_name=name)
  texts = [found.encoder.encode(*solution) for solution in SOLUTIONS]
  scorer = step_scores.StepScorer(
    reads.Values(lm.Model(found.config)),
    found.params,
    found.encoder.encode,
    step_scores.ScoringConfig(batch_tokens=512),
  )
  scored = scorer.score(texts, ["a", "b", "c"])
  model = prm_torch.Reference(tmp_path)
  reference = getattr(prm_torch, name.replace("-", "_"))
  for (question, steps), ours in zip(SOLUTIONS, scored, strict=True):
    want = np.array([float(x) for x in reference(model, question, steps)])
    np.testing.assert_allclose(ours.scores, want, atol=1e-4)


def test_a_reference_answer_is_shown_as_the_card_does(tmp_path):
  from tests.checkpoint import prm_torch

  prm_folders.write(tmp_path, "universal-prm")
  reader = readers.load(tmp_path, format_name="universal-prm")
  question, steps = SOLUTIONS[0]
  text = reader.answered("26")(question, steps)
  scorer = step_scores.StepScorer(
    reader.reading,
    reader.params,
    reader.encode,
    step_scores.ScoringConfig(batch_tokens=512),
  )
  (ours,) = scorer.score([text], ["a"])
  model = prm_torch.Reference(tmp_path)
  want = prm_torch.universal_prm(model, question, steps, "26")
  np.testing.assert_allclose(ours.scores, np.array(want), atol=1e-4)
