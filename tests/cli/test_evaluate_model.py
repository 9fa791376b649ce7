"""`prm-jax evaluate --model DIR` with a verifier trained here."""

import json

import jax
import ml_collections
import numpy as np
import pytest
from flax import linen as nn

from prm_jax.build import models
from prm_jax.models import lm
from prm_jax.reports import results

FAST = "--config.bootstrap.num_resamples=50"
CHAIN = {
  "name": "chain",
  "modulus": 3,
  "num_addends": 4,
  "error_rate": 0.3,
  "recovery_rate": 0.1,
  "num_problems": 60,
  "seed": 0,
}


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
  """A verifier without training, and chain solutions with exact errors."""
  root = tmp_path_factory.mktemp("setting")
  task = models.task(ml_collections.ConfigDict(CHAIN))
  tokenizer = task.tokenizer()
  group = {"num_layers": 1, "embed_dim": 16, "num_heads": 1, "num_kv_heads": 1}
  group |= {"head_dim": 16, "mlp_dim": 16, "value_head": "scalar"}
  config = models.model_config(
    ml_collections.ConfigDict({**group, "use_lm_head": False}),
    tokenizer.vocab_size,
  )
  model = lm.Model(config)
  params = nn.unbox(models.init_fn(model)(jax.random.key(0)))
  loaded = models.Loaded(model, params, tokenizer, {})
  models.save(root / "model", loaded, root)
  rng = np.random.default_rng(0)
  rows = []
  for i, problem in enumerate(task.problems("test")):
    (steps,) = task.demonstrations(problem, rng, 1)
    valid = task.oracle(problem, steps).valid
    rows.append(
      {
        "id": f"chain-{i}",
        "generator": "hand",
        "problem": problem.prompt,
        "steps": steps,
        "final_answer_correct": task.verify(problem, steps).correct,
        "label": -1 if all(valid) else valid.index(False),
      }
    )
  path = root / "rows.jsonl"
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  return root / "model", path, rows


def numbers(workdir):
  rows = results.read(workdir / results.FILE).rows
  return {
    (r.name, r.metric): r.value for r in rows if r.metric not in ("wall_s",)
  }


def test_scores_of_the_run_give_the_same_numbers_again(setting, prm, tmp_path):
  """What it leaves in `scores.jsonl` serves the next protocol."""
  model, path, rows = setting
  common = ("evaluate", "--benchmark", "processbench", "--input", path, FAST)
  one, two = tmp_path / "one", tmp_path / "two"
  code, _, err = prm(*common, "--model", model, "--workdir", one)
  assert (code, err) == (0, [])
  scores = one / "scores.jsonl"
  lengths = [
    len(json.loads(line)["scores"]) for line in scores.read_text().splitlines()
  ]
  assert lengths == [len(row["steps"]) for row in rows]
  code, _, err = prm(*common, "--scores", scores, "--workdir", two)
  assert (code, err) == (0, [])
  assert numbers(one) == numbers(two)


def test_scores_of_the_score_command(setting, prm, tmp_path):
  model, path, _ = setting
  code, _, err = prm(
    *("score", "--model", model, "--input", path),
    *("--workdir", tmp_path / "scored"),
  )
  assert (code, err) == (0, [])
  common = ("evaluate", "--benchmark", "processbench", "--input", path, FAST)
  scores = tmp_path / "scored" / "scores.jsonl"
  one, two = tmp_path / "one", tmp_path / "two"
  assert prm(*common, "--scores", scores, "--workdir", one)[0] == 0
  assert prm(*common, "--model", model, "--workdir", two)[0] == 0
  assert numbers(one) == pytest.approx(numbers(two), abs=1e-6)


def test_a_policy_is_no_verifier(setting, prm, tmp_path):
  _, path, _ = setting
  code, _, err = prm(
    *("evaluate", "--input", path, "--model", tmp_path / "none"),
    *("--workdir", tmp_path / "out"),
  )
  assert (code, len(err)) == (2, 1)
  assert "--model" in err[0]
