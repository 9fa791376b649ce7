"""`prm-jax label --config inspector`: both kinds of models, kills, mistakes."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from prm_jax.build import models
from prm_jax.cli import label_files as files
from prm_jax.data import record_files, records
from prm_jax.labelling import inspection
from prm_jax.models import lm
from tests.checkpoint import folders
from tests.cli import outputs
from tests.labelling import chains
from tests.models import tiny

INSPECT = "prm_jax.solvers.inspector:Inspector.__call__"
TOKENIZER = chains.TASK.tokenizer()


def make(**heads):
  """Small enough numbers that its laws are far from certain."""
  size = TOKENIZER.vocab_size
  model, params = tiny.make(vocab_size=size, num_layers=1, **heads)
  return model, jax.tree.map(lambda x: 0.3 * x, params)


@pytest.fixture(scope="module")
def native(tmp_path_factory):
  folder = tmp_path_factory.mktemp("native")
  value = {"value_head": "scalar", "use_lm_head": False}
  for name, heads in (("lm", {}), ("value", value)):
    loaded = models.Loaded(*make(**heads), TOKENIZER, {})
    models.save(folder / name, loaded, folder)
  return folder


@pytest.fixture(scope="module")
def chain_files(tmp_path_factory):
  """Labels of 7 chains, and their problems."""
  folder = tmp_path_factory.mktemp("labels")
  given = chains.solutions(7)
  labels, problems = folder / "labels.jsonl", folder / "problems.jsonl"
  record_files.write(labels, chains.counted(given, 4))
  record_files.write(problems, [problem for problem, _ in given])
  return labels, problems


def flags(model, path, problems=""):
  found = ["label", "--config", "inspector", "--model", model, "--input", path]
  return (*found, "--config.batch_tokens=512", f"--config.problems={problems}")


def read(path):
  return record_files.read(path, records.StepLabels).records


def by_hand(model, params, context, answer):
  """(mean entropy, summed surprisal) in bits, by a forward of the text."""
  ids = np.array([*context, *answer])
  run = tiny.jit(lambda *own: lm.forward(model, params, *own).logits)
  logits = np.asarray(run(*tiny.whole(ids[None])), np.float64)[0]
  q = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
  laws = q[len(context) - 1 : -1]
  own = laws[np.arange(len(answer)), answer]
  entropy = -(laws * np.log2(laws)).sum(-1).mean()
  return entropy, -np.log2(own).sum()


def close(made, given):
  """Whether records agree but for the last digits of what was computed."""
  names = (inspection.ENTROPY, inspection.GAIN, inspection.SURPRISAL)
  assert [one.problem_id for one in made] == [one.problem_id for one in given]
  for one, other in zip(made, given, strict=True):
    for name in names:
      left, right = (np.array(x.extra[name], float) for x in (one, other))
      np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-5)


def test_kills_and_shards_change_nothing(
  native, chain_files, tmp_path, prm, harmed
):
  labels, problems = chain_files
  own = (*flags(native / "lm", labels, problems), "--config.chunk=3")
  whole, parts = tmp_path / "whole", tmp_path / "parts"
  code, out, err = prm(*own, "--workdir", whole)
  assert (code, err) == (0, [])
  assert "28 gains of 35 steps, 7 of 7 solutions" in out[-1]
  assert "7 steps behind the answer" in out[-1]
  made, given = read(whole / files.LABELS), read(labels)
  for one, before in zip(made, given, strict=True):
    kept = {k: one.extra[k] for k in before.extra}
    assert dataclasses.replace(one, extra=kept) == before

  model, params = make()
  problem = record_files.read(problems, records.Problem).records[0]
  steps = given[0].steps
  text = f"{problem.prompt} {steps[0]} ; {steps[1]} ; ="
  context, answer = map(TOKENIZER.encode, (text, problem.answer))
  found = [
    made[0].extra[x][1] for x in (inspection.ENTROPY, "answer_surprisal")
  ]
  want = by_hand(model, params, context, answer)
  np.testing.assert_allclose(found, want, rtol=1e-3)
  assert found[0] > 0.1

  stats = json.loads((whole / files.STATS).read_text())
  tokens = sum(one.extra["inspection"]["num_tokens"] for one in made)
  assert stats["inspected"]["read_tokens"] == tokens > 7 * 5 * len(context) / 2
  assert set(stats["inspected"]["mean_gain"]) == {"right", "wrong", "unknown"}

  killed = harmed("kill", INSPECT, 2, *own, "--workdir", parts)
  assert killed.returncode == -9
  path = parts / files.LABELS
  text = path.read_text()
  assert text.count("\n") == 3
  path.write_text(text[:-20])
  assert prm(*own, "--workdir", parts)[0] == 0
  close(read(path), made)
  before = outputs.snapshot(parts)
  assert prm(*own, "--workdir", parts)[0] == 0  # nothing is left to do
  assert outputs.snapshot(parts)[files.LABELS] == before[files.LABELS]
  path.write_text(path.read_text().splitlines(keepends=True)[1])
  code, _, err = prm(*own, "--workdir", parts)
  assert (code, err[0].endswith(f"{path}:1: is of another input")) == (2, True)

  merged = []
  for shard in (0, 1):
    shares = (f"--config.shard={shard}", "--config.num_shards=2")
    work = tmp_path / f"shard{shard}"
    assert prm(*own, *shares, "--workdir", work)[0] == 0
    lines = next(work.glob("labels-*")).read_text().splitlines()
    merged.append([records.from_json(x, records.StepLabels) for x in lines])
  close(merged[0], made[::2])
  close(merged[1], made[1::2])


def test_a_public_checkpoint(tmp_path, prm):
  folder = tmp_path / "tiny-qwen"
  folders.qwen2(folder)
  line = {"question": "13 * 2?", "steps": ["13 * 2 = 26", "So"], "answer": "26"}
  file = folders.questions(tmp_path / "in.jsonl", line, line | {"answer": "7"})
  work = tmp_path / "w"
  cue = r"--config.inspector.cue=Answer: "
  style = "--config.prompt.style=plain"
  code, _, err = prm(*flags(folder, file), cue, style, "--workdir", work)
  assert (code, err) == (0, [])
  made = read(work / files.LABELS)
  assert [one.n_total for one in made] == [(0, 0)] * 2  # nobody counted
  loaded = models.load(folder, "model")
  encode = loaded.tokenizer.encode
  context = [
    *encode("13 * 2?"),
    *encode("13 * 2 = 26\n\n"),
    *encode("Answer: "),
  ]
  want = by_hand(loaded.model, loaded.params, context, encode("26"))
  own = made[0].extra
  assert own["inspection"]["model"] == "tiny-qwen"
  assert own["inspection"]["answer_tokens"] == len(encode("26")) == 2
  found = own[inspection.ENTROPY][0], own[inspection.SURPRISAL][0]
  np.testing.assert_allclose(found, want, rtol=1e-3)
  gains = np.array(own[inspection.GAIN])
  start = own["inspection"]["start"]["entropy"]
  total = start - own[inspection.ENTROPY][-1]
  np.testing.assert_allclose(gains.sum(), total, atol=1e-6)


@pytest.fixture
def mistake(tmp_path, prm):
  def run(*own):
    code, out, err = prm(*own, "--workdir", tmp_path / "w")
    assert (code, out, len(err)) == (2, [], 1), (out, err)
    assert not (tmp_path / "w" / files.LABELS).exists()
    return err[0]

  return run


def test_what_no_model_can_be_asked(
  native, chain_files, tmp_path, prm, mistake
):
  """Of four solutions, one; the others are named and counted."""
  problems = record_files.read(chain_files[1], records.Problem).records[:3]
  problems[0] = dataclasses.replace(problems[0], answer=None)
  problems[1] = dataclasses.replace(problems[1], answer="pi")
  path = tmp_path / "in.jsonl"
  rows = [
    *problems,
    *(records.Solution(one.id, ("3 + 4 = 7", "= 7")) for one in problems),
    records.Solution(problems[2].id, ()),
  ]
  path.write_text("".join(records.to_json(row) + "\n" for row in rows))
  own = flags(native / "lm", path)
  assert f"{path}:7: steps: the solution has none" in mistake(*own)
  code, out, _ = prm(
    *own, "--config.skip_bad=true", "--workdir", tmp_path / "x"
  )
  assert code == 0
  told = "\n".join(out)
  for text in (
    "labels[0]: answer: problem",
    "labels[1]: cue, answer: text 'pi'",
  ):
    assert f"{path}: {text}" in told
  assert "1 of 3 solutions" in told
  assert "3 bad lines" in told
  path.write_text("".join(records.to_json(row) + "\n" for row in rows[:6]))
  assert f"{path}: labels[0]: answer: problem" in mistake(*own)


@pytest.mark.parametrize(
  ("name", "flag", "told"),
  [
    ("value", "chunk=1", "the model has no LM head"),
    ("nothing", "chunk=1", "nothing"),
    ("lm", "chunk=0", "chunk: must be"),
    ("lm", "shard=1", "shard: 1 is not one of 0 to 0"),
    ("lm", "inspector.cue=so", "'so'"),
    ("lm", "problems=", "no problem"),
  ],
)
def test_mistakes(name, flag, told, native, chain_files, mistake):
  labels, problems = chain_files
  own = flags(native / name, labels, problems)
  assert told in mistake(*own, f"--config.{flag}")


def test_texts_that_are_too_long(native, chain_files, tmp_path, prm):
  own = (*flags(native / "lm", *chain_files), "--config.max_tokens=30")
  code, _, err = prm(*own, "--workdir", tmp_path / "stopped")
  assert (code, len(err)) == (2, 1)
  assert "labels[0]: 32 tokens, the model reads 30" in err[0]
  skips = "--config.overlong=skip"
  code, out, _ = prm(*own, skips, "--workdir", tmp_path / "w")
  assert code == 0
  assert "7 solutions too long" in out[-1]
  made = read(tmp_path / "w" / files.LABELS)
  assert [one.extra[inspection.GAIN] for one in made] == [[None] * 5] * 7


def test_the_model_has_to_be_named(chain_files, mistake):
  told = mistake("label", "--config", "inspector", "--input", chain_files[0])
  assert "--model" in told
