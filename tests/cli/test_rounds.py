"""Which rounds there are, what teaches them, and which one is kept."""

import json

import ml_collections
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.build import models
from prm_jax.cli import rounds, soft_targets
from prm_jax.models import lm
from prm_jax.text import tokenizer as tokenizer_lib
from prm_jax.train import writers
from tests.models import tiny

MODEL = lm.Model(tiny.config())


def run(tmp_path, losses, **own):
  """Rounds whose stages write held-out losses; what each was given."""
  config = ml_collections.ConfigDict(
    {
      "seed": 3,
      "init": "",
      "fit": {"num_steps": 9},
      "data": {"batch_size": 4},
      "teacher": {"form": "none", "num_bins": 5},
    }
  )
  config.lock()
  seen = []

  def stage(changed, folder, label):
    seen.append(changed)
    row = {"step": 1, "eval/loss": losses[len(seen) - 1]}
    (folder / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    tokenizer = tokenizer_lib.number_tokenizer(9)
    return models.Loaded(MODEL, {}, tokenizer, {"label": label})

  given = rounds.RoundsConfig(num=len(losses), num_steps=2, **own)
  kept = rounds.run(config, given, tmp_path, stage)
  return kept.extra["label"], seen


def test_cape_alternates_and_keeps_the_best(tmp_path):
  """P L L P L L behind a first round on the outcomes (B4.2)."""
  kept, seen = run(
    tmp_path, [0.7, 0.6, 0.65, 0.5, 0.55, 0.6, 0.7], schedule="cape", gap=2
  )
  assert kept == "round 3"
  forms = [c.teacher["form"] for c in seen]
  assert forms == ["none", "bins", "none", "none", "bins", "none", "none"]
  assert [c.fit.num_steps for c in seen] == [9, *[2] * 6]
  assert seen[0].init == ""
  assert seen[4].init == str(tmp_path / "round_3" / "model")
  assert len({c.data.seed for c in seen}) == 7
  assert seen[1].teacher["num_bins"] == 5


def test_self_distillation_leans_on_itself_more_and_more(tmp_path):
  """a_t = .8 (t + 1) / 4; the first round has nobody to learn from."""
  kept, seen = run(
    tmp_path, [0.3, 0.4, 0.5, 0.6], schedule="self_distillation", weight=0.8
  )
  assert kept == "round 3"
  assert seen[0].teacher["form"] == "none"
  weights = [c.teacher["weight"] for c in seen[1:]]
  np.testing.assert_allclose(weights, [0.4, 0.6, 0.8])


def test_cape_needs_held_out_examples(tmp_path):
  with pytest.raises(errors.UserError, match="needs held-out examples"):
    run(tmp_path, [None, None], schedule="cape")


def test_targets_of_a_teacher_by_hand():
  said = np.array([0.1, 0.2, 0.8, 0.9])
  own = np.array([0.0, 1.0, 1.0, 1.0])
  bins = soft_targets.TeacherConfig("bins", num_bins=2)
  np.testing.assert_allclose(bins.targets(said, own), [0.5, 0.5, 1, 1])
  far = soft_targets.TeacherConfig("kernel", width=1e6)
  np.testing.assert_allclose(far.targets(said, own), [0.75] * 4)
  half = soft_targets.TeacherConfig("predictions", weight=0.5)
  np.testing.assert_allclose(half.targets(said, own), (said + own) / 2)
  with pytest.raises(errors.UserError, match="must be positive"):
    soft_targets.TeacherConfig(width=0.0)


def test_a_curve_is_read_as_training_writes_it(tmp_path):
  writer = writers.MetricWriter(str(tmp_path), 0)
  writer.write(3, {"eval/loss": 0.25})
  writer.write(4, {"train/loss": 0.5})
  writer.close()
  assert rounds._held_out_loss(tmp_path) == 0.25
