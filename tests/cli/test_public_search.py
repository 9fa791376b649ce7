"""`prm-jax search` with public checkpoints as policies and verifiers."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.build import readers
from prm_jax.cli import samples as samples_lib
from prm_jax.data import record_files, records
from prm_jax.models import heads, lm
from tests.checkpoint import folders
from tests.text import tiny_hf

QUESTIONS = (
  {"question": "What is 2 + 2?", "answer": "2 + 2 = 4\n#### 4"},
  {"problem": "Janet's ducks lay 16 eggs per day. How many?", "answer": "16"},
  {"prompt": "Why?"},
)
SMALL = (
  "--config.task.max_steps=2",
  "--config.task.max_step_tokens=8",
  "--config.solver.max_tokens=20",
  "--config.solver.batch_size=3",
  "--config.search.num_rows=4",
  "--config.steps.delimiters=e",
)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
  path = tmp_path_factory.mktemp("policy") / "policy"
  folders.qwen2(path, sharpness=2.0)
  return path


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
  path = tmp_path_factory.mktemp("verifier") / "verifier"
  folders.qwen_prm(path)
  return path


@pytest.fixture
def file(tmp_path):
  return folders.questions(tmp_path / "questions.jsonl", *QUESTIONS)


def samples_of(workdir):
  path = workdir / samples_lib.FILE
  return record_files.read(path, records.SearchSample).records


def read_anew(reader, question, steps):
  """The verifier's last score of a whole text."""
  found = reader.encode(question, steps)
  tokens = jnp.asarray(found.tokens)[None]
  place = jnp.arange(tokens.shape[1])[None]
  model = reader.reading.model
  out = lm.forward(model, reader.params, tokens, place, jnp.ones_like(place))
  scores = heads.to_probability(out.values[0], model.config)
  return float(scores[found.step_end[-1]])


def assert_scores(workdir, folder, file, format_name=""):
  """Every row's score is that of its whole text."""
  reader = readers.load(folder, format_name=format_name)
  lines = [json.loads(line) for line in file.read_text().splitlines()]
  texts = [next(iter(line.values())) for line in lines]
  seen = []
  for text, sample in zip(texts, samples_of(workdir), strict=True):
    for row in sample.rows:
      if row.steps:
        want = read_anew(reader, text, row.steps)
        assert row.score == pytest.approx(want, abs=1e-4)
        seen.append(want)
  assert len(seen) > 6
  assert np.std(seen) > 1e-3


def test_a_policy_alone(policy, file, tmp_path, prm):
  flags = ("--policy", policy, "--input", file, "--workdir", tmp_path / "run")
  config = ("--config", "questions_search:best_of_n")
  code, _, err = prm("search", *config, *flags, *SMALL)
  assert code == 0, err
  samples = samples_of(tmp_path / "run")
  assert [s.problem_id for s in samples] == [
    f"questions/{i}" for i in (1, 2, 3)
  ]
  for sample in samples:
    assert len(sample.rows) == 4
    assert all(len(row.steps) <= 2 for row in sample.rows)
    assert 0 < sample.cost["policy_tokens"] <= 80


def test_a_public_verifier_guides(policy, verifier, file, tmp_path, prm):
  """With its own template and tags, and with a cache."""
  flags = ("--policy", policy, "--verifier", verifier, "--input", file)
  config = ("--config", "questions_search:step_beam", "--workdir", tmp_path)
  more = ("--config.search.width=2",)
  code, _, err = prm("search", *config, *flags, *SMALL, *more)
  assert code == 0, err
  assert_scores(tmp_path, verifier, file)
  for sample in samples_of(tmp_path):
    tokens = sample.cost
    assert tokens["verifier_tokens"] > tokens["policy_tokens"] * 0.3


def test_a_verifier_of_another_tokenizer(policy, file, tmp_path, prm):
  other = tmp_path / "other"
  backend = tiny_hf.sentencepiece()
  backend.add_special_tokens(list(tiny_hf.CHATML_TOKENS))
  tiny_hf.write(other, backend, eos_token="</s>", chat_template=tiny_hf.CHATML)
  folders.qwen_prm(other)
  run = tmp_path / "run"
  flags = ("--policy", policy, "--verifier", other, "--input", file)
  config = ("--config", "questions_search:best_of_n", "--workdir", run)
  code, _, err = prm("search", *config, *flags, *SMALL)
  assert code == 0, err
  assert_scores(run, other, file)


def test_a_verifier_that_is_read_at_an_end_token(policy, file, tmp_path, prm):
  """The token is taken back when a step comes, and the cache goes on."""
  other, run = tmp_path / "other", tmp_path / "run"
  folders.universal_prm(other)
  flags = ("--policy", policy, "--verifier", other, "--input", file)
  config = ("--config", "questions_search:best_of_n", "--workdir", run)
  name = ("--format", "universal-prm")
  code, _, err = prm("search", *config, *flags, *name, *SMALL)
  assert code == 0, err
  assert_scores(run, other, file, *name[1:])


@pytest.fixture
def mistake(policy, file, tmp_path, prm):
  def run(*flags):
    workdir = tmp_path / "bad"
    given = ("--policy", policy) if "--policy" not in flags else ()
    command = ("search", *given, "--input", file, "--workdir", workdir)
    code, _, err = prm(*command, *SMALL, *flags)
    assert (code, len(err)) == (2, 1), err
    return err[0]

  return run


def test_texts_beyond_a_context(mistake, tmp_path):
  short = tmp_path / "short"
  folders.qwen2(short, max_position_embeddings=60)
  told = mistake("--policy", short)
  assert "go beyond the policy's context of 60" in told
  folders.qwen_prm(tmp_path / "prm", max_position_embeddings=30)
  told = mistake("--verifier", tmp_path / "prm")
  assert "verifier: problem questions/1 has" in told
  assert "its context is 30" in told


def test_scores_that_are_no_probabilities(mistake, tmp_path):
  folders.universal_prm(tmp_path / "rm")
  told = mistake(
    *("--config", "questions_search:particle", "--verifier", tmp_path / "rm"),
    *("--format", "qwen-rm"),
  )
  assert "search.potential: this weighs probabilities" in told
  assert "'rm' are none" in told


def test_folders_that_are_no_models(mistake, policy, tmp_path):
  told = mistake("--policy", tmp_path / "none")
  assert f"--policy: {tmp_path / 'none'}: no model here" in told
  told = mistake("--verifier", policy)
  assert "--verifier:" in told
  assert "architectures" in told
  bare = tmp_path / "bare"
  folders.qwen2(bare)
  (bare / "tokenizer.json").unlink()
  told = mistake("--policy", bare)
  assert "tokenizer.json: no such file" in told


def test_a_malicious_template(mistake, tmp_path):
  folder = tmp_path / "policy"
  folders.qwen2(folder)
  path = folder / "tokenizer_config.json"
  fields = json.loads(path.read_text())
  code = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
  path.write_text(json.dumps(fields | {"chat_template": code}))
  told = mistake("--policy", folder)
  assert "chat_template: refused, it is not safe to run" in told


def test_a_name_on_the_hub_without_a_network(mistake, tmp_path, monkeypatch):
  library = pytest.importorskip("huggingface_hub")

  def fail(*args, **options):
    raise ConnectionError("no network")

  monkeypatch.setattr(library, "snapshot_download", fail)
  monkeypatch.setenv("HF_HOME", str(tmp_path))
  told = mistake("--policy", "org/name")
  assert "--policy: org/name: no such folder" in told
  told = mistake("--verifier", "org/name")
  assert "--verifier: org/name: no such folder" in told
