"""Objectives of pairs, verdicts and pooled steps, from files to scores."""

import json

import numpy as np
import pytest

from prm_jax.build import models, native
from prm_jax.data import record_files, records
from tests.cli import outputs

TINY = (
  *("model.num_layers=1", "model.embed_dim=16", "model.num_heads=2"),
  *("model.num_kv_heads=2", "model.head_dim=8", "model.mlp_dim=16"),
  *("data.batch_size=4", "fit.num_steps=2", "fit.log_every=1"),
  *("optim.name=adamw", "optim.learning_rate=0.01", "optim.warmup_steps=1"),
)
PROMPT, GOOD, BAD = "1 + 2 + 0 :", ("1 + 2 = 0", "0 + 0 = 0"), (
  "1 + 2 = 1", "1 + 0 = 1")  # fmt: skip


@pytest.fixture(scope="module")
def given(tmp_path_factory):
  """Flags that name files of every kind of record."""
  folder = tmp_path_factory.mktemp("given")
  problem = records.Problem("p", "chain", PROMPT, "0")
  made = {
    "problems": [problem],
    "solutions": [
      records.Solution("p", GOOD, "0", True),
      records.Solution("p", BAD, "1", False),
    ]
    * 4,
    "labels": [
      records.StepLabels("p", (4, 4), (4, 4), "policy", steps=GOOD),
      records.StepLabels("p", (0, 0), (4, 4), "policy", steps=BAD),
    ]
    * 4,
    "pairs": [
      records.StepPair("p", (), GOOD[:1], BAD[:1], 0.9, 0.1),
      records.StepPair("p", GOOD[:1], GOOD[1:], BAD[1:], 1.0, 0.0),
    ]
    * 4,
  }
  flags = []
  for kind, rows in made.items():
    record_files.write(folder / f"{kind}.jsonl", rows)
    flags.append(f"examples.{kind}={folder / kind}.jsonl")
    flags.append(f"examples.eval_{kind}={folder / kind}.jsonl")
  lines = [
    {"problem_id": "p", "prompt": PROMPT, "steps": steps}
    for steps in (GOOD, BAD)
  ]
  path = folder / "given.jsonl"
  path.write_text("".join(json.dumps(line) + "\n" for line in lines))
  return flags, path


def train(prm, given, workdir, name, *more, init=""):
  flags = [f"--config.{flag}" for flag in (*TINY, *given[0], *more)]
  start = ("--model", init) if init else ()
  code, _, err = prm(
    *("train", "--config", f"chain_verifier:{name}", "--workdir", workdir),
    *flags,
    *start,
  )
  assert code == 0, err
  found = outputs.curve(workdir / "metrics.jsonl")
  assert np.isfinite(
    [r["train/loss"] for r in found if "train/loss" in r]
  ).all()
  return workdir / "model"


def score(prm, given, model, workdir):
  code, _, err = prm(
    *("score", "--model", model, "--input", given[1], "--workdir", workdir)
  )
  assert code == 0, err
  lines = (workdir / "scores.jsonl").read_text().splitlines()
  return np.array([json.loads(line)["scores"] for line in lines])


def test_verdicts_then_log_ratios(prm, given, tmp_path):
  """A generative verifier; from it, step-DPO; both are read as trained."""
  policy = train(prm, given, tmp_path / "a", "judgement")
  said = score(prm, given, policy, tmp_path / "said")
  assert said.shape == (2, 2)
  assert ((said > 0) & (said < 1)).all()
  start = models.load(policy, "model")
  assert start.extra[native.JUDGEMENT]["right"] == "1"

  ratios = train(prm, given, tmp_path / "b", "step_apo", init=policy)
  first = outputs.curve(tmp_path / "b" / "metrics.jsonl")[0]
  # No log-ratio yet: pairs of gaps 0.8 and 1.
  want = [np.log1p(np.exp(gap)) for gap in (0.8, 1.0)]
  assert first["train/loss"] == pytest.approx(np.mean(want), abs=0.06)
  found = score(prm, given, ratios, tmp_path / "rewards")
  assert np.abs(found).max() > 0
  # A model compared with itself has no reward.
  code, _, err = prm(
    *("score", "--model", ratios, "--input", given[1]),
    *("--workdir", tmp_path / "same", f"--config.reference={ratios}"),
  )
  assert code == 0, err
  lines = (tmp_path / "same" / "scores.jsonl").read_text().splitlines()
  same = np.array([json.loads(line)["scores"] for line in lines])
  np.testing.assert_allclose(same, 0, atol=1e-6)


def test_pooled_then_distilled_and_calibrated(prm, given, tmp_path):
  teacher = train(prm, given, tmp_path / "a", "pooled")
  student = train(
    *(prm, given, tmp_path / "b", "binned", "teacher.form=predictions"),
    *(f"teacher.model={teacher}", "calibration.method=isotonic"),
  )
  fitted = models.load(student, "model").extra[native.CALIBRATION]
  assert fitted["knots"]
  levels = [to for _, to in fitted["knots"]]
  found = score(prm, given, student, tmp_path / "scores")
  assert min(levels) - 1e-6 <= found.min() <= found.max() <= max(levels) + 1e-6


def test_rounds_and_a_confidence_of_what_is_near(prm, given, tmp_path):
  """CaPE's second round begins with the first; the last knows its places."""
  model = train(
    *(prm, given, tmp_path / "a", "cape", "rounds.num=2"),
    *("rounds.num_steps=2", "calibration.method=sdm"),
  )
  metrics = outputs.curve(tmp_path / "a" / "round_1" / "metrics.jsonl")
  assert any("eval/loss" in row for row in metrics)
  kept = models.load(model, "model")
  assert kept.extra["objective"] == "ovm"
  plain = score(prm, given, model, tmp_path / "plain")
  for place in (0, 1):
    folder = tmp_path / "a" / f"round_{place}"
    found = score(prm, given, folder / "sdm", tmp_path / f"sdm{place}")
    own = score(prm, given, folder / "model", tmp_path / f"own{place}")
    assert ((found - 0.5) * (own - 0.5) >= 0).all()  # or not sure at all
    if np.array_equal(own, plain):
      break
  else:
    pytest.fail("neither round was kept")


def test_a_calculating_verifier_votes(prm, given, tmp_path):
  model = train(prm, given, tmp_path / "a", "calculating_judgement")
  flags = ("--model", model, "--input", given[1], "--format", "judgement")
  own = ("code=tool", "votes=2", "max_tokens=4", "pool=majority", "rounds=2")
  code, _, err = prm(
    *("score", *flags, "--workdir", tmp_path / "w"),
    *(f"--config.generative.{flag}" for flag in own),
  )
  assert code == 0, err
  text = (tmp_path / "w" / "scores.jsonl").read_text()
  for line in map(json.loads, text.splitlines()):
    assert (line["format"], line["aggregate"]) == ("judgement", "min")
    assert np.shape(line["votes"]) == (2, 2)
    assert set(line["scores"]) <= {0.0, 0.25, 0.5, 0.75, 1.0}


def test_ratings_are_three_classes(prm, given, tmp_path):
  rated = records.StepLabels(
    *("p", (0, 0), (0, 0), "people"), steps=GOOD, human=(1, 0)
  )
  record_files.write(tmp_path / "rated.jsonl", [rated] * 4)
  files = (f"examples.{x}labels={tmp_path}/rated.jsonl" for x in ("", "eval_"))
  model = train(prm, given, tmp_path / "a", "three_class", *files)
  assert models.load(model, "model").model.config.num_classes == 3


@pytest.mark.parametrize(
  ("name", "flag", "told"),
  [
    ("step_dpo", "seed=0", "objective.reference: 'step_dpo' compares"),
    ("preference", "objective.form=best", "objective.form: 'best'"),
    ("preference", "examples.pairs=", "examples.pairs: no file given"),
    ("alpha_math", "model.value_link=sigmoid", "value_link 'tanh'"),
    ("pav", "seed=0", "extra.root: missing"),
    ("three_class", "seed=0", "human: missing"),
    ("cape", "rounds.gap=-1", "rounds: num and num_steps"),
    ("distilled", "seed=0", "teacher.model: is no verifier"),
    ("binned", "calibration.size=0", "calibration.size: must"),
    ("mcts_dpo", "objective.reference=/nowhere", "objective.reference"),
  ],
)
def test_mistakes(name, flag, told, given, tmp_path, prm):
  flags = [f"--config.{f}" for f in (*TINY, *given[0], flag)]
  code, _, err = prm(
    *("train", "--config", f"chain_verifier:{name}"),
    *("--workdir", tmp_path / "run", *flags),
  )
  assert (code, len(err)) == (2, 1), err
  assert told in err[0]
