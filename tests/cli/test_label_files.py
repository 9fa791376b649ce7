"""`prm-jax label --config trees:METHOD` and `pairs:METHOD`: files alone."""

import dataclasses
import json

import numpy as np
import pytest

from prm_jax.cli import config_file, label_pairs, label_trees, overrides
from prm_jax.cli import label_files as files
from prm_jax.configs import pairs as pairs_config
from prm_jax.configs import trees as trees_config
from prm_jax.data import record_files, records
from prm_jax.labelling import pairs

# Two right and two wrong solutions of a problem, one of them twice, and one
# that nobody judged.
ROWS = (
  (("a", "b"), True),
  (("a", "c", "d"), True),
  (("a", "c", "e"), False),
  (("a", "c", "e"), False),
  (("f",), False),
  (("g",), None),
)


def sample(problem_id="p"):
  rows = tuple(records.SearchRow(steps, correct=is_) for steps, is_ in ROWS)
  return records.SearchSample(problem_id, rows, 0, {"policy_tokens": 60})


def solutions():
  """The same with tokens: a step `a` is the token 1, and so on."""
  return [
    records.Solution("p", steps, correct=is_, tokens=tuple(map(ord, steps)))
    for steps, is_ in ROWS
  ]


@pytest.fixture
def label(tmp_path, prm):
  works = []

  def run(config, rows, *flags):
    path = tmp_path / "in.jsonl"
    if isinstance(rows, str):
      path.write_text(rows)
    else:
      record_files.write(path, rows)
    work = tmp_path / f"w{len(works)}"
    works.append(work)
    code, out, err = prm(
      *("label", "--config", config, "--input", path, "--workdir", work),
      *flags,
    )
    if code:
      assert (code, out, len(err)) == (2, [], 1), err
      return err[0], None
    return out[-1], json.loads((work / files.STATS).read_text())

  run.labels = lambda: (
    record_files.read(works[-1] / files.LABELS, records.StepLabels).records
  )
  run.pairs = lambda: (
    record_files.read(works[-1] / files.PAIRS, records.StepPair).records
  )
  return run


@pytest.mark.parametrize("method", trees_config.METHODS)
def test_trees(method, label):
  rows = solutions() if method == "tokens" else [sample()]
  told, stats = label(f"trees:{method}", rows)
  labels = label.labels()
  found = {one.steps or tuple(map(chr, one.tokens)): one for one in labels}
  assert found["a", "c", "e"].n_correct == (2, 1, 0)
  assert found["a", "c", "e"].n_total == (4, 3, 2)
  assert found["a", "b"].n_correct == (2, 1)
  assert stats["left_out"]["without_verdict"] == 1
  assert "without verdict 1" in told
  # A path of its own is labelled once, but each of the samples by tokens is.
  num = 3 + 3 + 2 + 1 + (3 if method == "tokens" else 0)
  assert stats["labels"] == stats["trained"]["labels"] == num
  tokens = sum(len(s) for s, _ in ROWS) if method == "tokens" else 60
  assert stats["cost"]["policy_tokens"] == tokens
  assert stats["tokens_per_label"] == tokens / num
  soft = found["a", "c", "d"].soft
  if method == "alpha_math":
    np.testing.assert_allclose(soft, (2 / 4, 1 / 3, 1))
  elif method == "rest":  # the shortest right route has two steps
    np.testing.assert_allclose(soft, (1 / 2, 3 / 4, 1))
  else:
    assert soft is None


def test_pairs_of_a_tree_of_samples(label):
  label("trees:counts", [sample()])
  rows = label.labels()
  told, stats = label("pairs:all", rows)
  found = {(p.prefix, p.better, p.worse) for p in label.pairs()}
  assert found == {
    ((), ("a",), ("f",)),
    (("a",), ("b",), ("c",)),
    (("a", "c"), ("d",), ("e",)),
  }
  assert "3 pairs behind 3 prefixes of 1 problems" in told
  assert stats["pairs_by_depth"] == [1, 1, 1]
  gaps = [2 / 4, 1 - 1 / 3, 1]
  np.testing.assert_allclose(stats["gap"], np.mean(gaps))
  np.testing.assert_allclose(stats["better"] - stats["worse"], stats["gap"])
  _, wide = label("pairs:all", rows, "--config.pairs.margin=0.9")
  assert wide["pairs_by_depth"] == [0, 0, 1]
  _, lists = label("pairs:tpo", rows)
  assert (lists["pairs"], lists["longest_list"]) == (4, 4)


def test_tokens_of_pairs_are_those_of_their_labels(label):
  cost = {"policy_tokens": 30}
  one = records.StepLabels(
    *("p", (3, 1), (4, 1), "c"), steps=("a", "b"), extra={"cost": cost}
  )
  other = dataclasses.replace(one, n_correct=(3, 0), steps=("a", "c"))
  _, stats = label("pairs:q_values", [one, other])
  assert (stats["cost"]["policy_tokens"], stats["tokens_per_pair"]) == (60, 60)


@pytest.mark.parametrize("name", ["trees", "pairs"])
def test_options_of_the_configs(name):
  shipped = {"trees": trees_config, "pairs": pairs_config}[name]
  for method in shipped.METHODS:
    config = config_file.load(f"{name}:{method}")
    if name == "pairs":
      assert pairs.PairConfig(**config.pairs.to_dict()).rule
    else:
      options, _ = label_trees.METHODS[method]
      fields = {field.name for field in dataclasses.fields(options)}
      assert set(overrides.leaves(config.method)) == fields
  assert config.labeller.name in (label_trees.NAME, label_pairs.NAME)


UNJUDGED = records.to_json(records.Solution("p", ("a",)))
LONE = records.to_json(records.StepLabels("p", (1,), (2,), "c", steps=("a",)))


@pytest.mark.parametrize(
  ("config", "text", "flag", "told"),
  [
    ("trees:rest", UNJUDGED, "", '"without_verdict": 1'),
    ("trees:rest", "{", "", ":1: not JSON"),
    ("trees:rest", "", "", "holds no record"),
    ("trees:tokens", records.to_json(sample()), "", "samples[0]: tells no"),
    ("trees:rest", UNJUDGED, "method.variant=odd", "method.variant"),
    ("pairs:all", LONE, "", "pairs.rule 'all' makes no pair of 1"),
    ("pairs:all", LONE, "pairs.margin=2.0", "pairs.margin: must be"),
    ("pairs:all", LONE, "pairs.rule=best", "pairs.rule"),
    ("rollouts", LONE, "labeller.name=trees", "'trees' is of --config trees"),
  ],
)
def test_mistakes(config, text, flag, told, label):
  found, _ = label(config, text + "\n", *([f"--config.{flag}"] if flag else []))
  assert told in found
