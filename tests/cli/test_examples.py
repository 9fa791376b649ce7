"""Where the examples of a run come from."""

import numpy as np
import pytest

from prm_jax.build import models
from prm_jax.cli import config_file, examples
from prm_jax.tasks import game24


@pytest.fixture
def load(tiny, tmp_path):
  """Prompts of the training and of the held-out examples."""

  def run(*changes):
    config = config_file.load(tiny("policy"), changes)
    task = models.task(config.task)
    tokenizer = task.tokenizer()
    found = examples.load(config, task, tokenizer, tmp_path / "data")
    return [
      {prompt_of(tokenizer, part[i]) for i in range(len(part))}
      for part in found
    ]

  return run


def prompt_of(tokenizer, example):
  text = tokenizer.decode(np.asarray(example["tokens"]).tolist())
  return text.split(":")[0].strip()


def prompts(split):
  """Of all puzzles that the task has."""
  found = game24.Game24().problems(split)
  return {problem.prompt.removesuffix(" :") for problem in found}


def test_excluded_puzzles_are_in_no_example(load, tmp_path):
  train, held_out = prompts("train"), prompts("validation")
  out = [sorted(train)[3], sorted(train)[40], sorted(held_out)[5]]
  path = tmp_path / "exclude.txt"
  path.write_text("\n".join(out) + "\n")
  fewer, fewer_held_out = load(("task.exclude", str(path)))
  assert fewer == train - set(out)
  assert fewer_held_out == held_out - set(out)


def test_own_puzzles_are_in_no_example(load, tmp_path, capfd):
  """Also: what is generated is told in one line, and only then."""
  train = prompts("train")
  path = tmp_path / "own.txt"
  path.write_text(sorted(train)[7])
  for told in (1, 0):
    fewer, _ = load(("task.problems", str(path)))
    assert fewer == train - {sorted(train)[7]}
    out, err = capfd.readouterr()
    assert not err
    assert len(out.splitlines()) == told
    assert out.startswith("demonstrations of game24: ") == bool(told)
