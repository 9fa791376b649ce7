"""Builders: reproducible, resumable, and without TensorFlow."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from prm_jax import errors
from prm_jax.data.builders import (
  chain,
  countdown,
  game24,
  graph_arithmetic,
  register_programs,
  task_builder,
)
from prm_jax.tasks import chain as chain_task
from prm_jax.tasks import countdown as countdown_task
from prm_jax.tasks import game24 as game24_task
from prm_jax.tasks import graph_arithmetic as graph_task
from prm_jax.tasks import register_programs as program_task

TASKS = {
  "chain": (chain.Chain, chain_task.Config(num_problems=40)),
  "countdown": (
    countdown.Countdown,
    countdown_task.Config(
      num_problems=20, min_numbers=3, max_numbers=3, largest=10
    ),
  ),
  "game24": (game24.Game24, game24_task.Config()),
  "graph_arithmetic": (
    graph_arithmetic.GraphArithmetic,
    graph_task.Config(num_problems=40),
  ),
  "register_programs": (
    register_programs.RegisterPrograms,
    program_task.Config(num_problems=40),
  ),
}


def make(name, folder, **changes):
  cls, task_config = TASKS[name]
  splits = task_builder.SPLITS
  if name == "game24":  # solving all puzzles takes a while
    puzzles = folder / "puzzles.txt"
    puzzles.write_text("1 2 3 4\n4 4 10 13\n1 1 1 1\n")
    task_config = dataclasses.replace(task_config, problems=str(puzzles))
    splits = ("test",)
  arguments = {
    "task_config": task_config,
    "num_demonstrations": 2,
    "splits": splits,
    **changes,
  }
  config = task_builder.TaskConfig(**arguments)
  return cls(data_dir=str(folder), config=config)


def read(builder):
  source = task_builder.prepare(builder)
  return {split: list(source[split]) for split in source}


@pytest.mark.parametrize("name", TASKS)
def test_splits_hold_the_problems_of_the_task(name, tmp_path):
  builder = make(name, tmp_path)
  for split, elements in read(builder).items():
    problems = {p.id: p for p in builder.task.problems(split)}
    assert {e["id"].decode() for e in elements} == problems.keys()
    for element in elements:
      problem = problems[element["id"].decode()]
      assert element["prompt"].decode() == problem.prompt
      assert element["answer"].decode() == (problem.answer or "")
      assert len(element["num_steps"]) == len(element["correct"]) == 2
      assert sum(element["num_steps"]) == len(element["steps"])


def test_the_same_configuration_gives_the_same_data(tmp_path):
  first = read(make("chain", tmp_path / "a"))
  assert read(make("chain", tmp_path / "b")) == first
  assert read(make("chain", tmp_path / "a", seed=1)) != first


def test_prepared_data_is_used_again(tmp_path):
  builder = make("chain", tmp_path)
  wanted = read(builder)
  files = sorted(pathlib.Path(builder.data_dir).iterdir())
  times = [f.stat().st_mtime_ns for f in files]
  assert read(make("chain", tmp_path)) == wanted
  assert [f.stat().st_mtime_ns for f in files] == times


def test_folder_is_named_after_the_configuration_and_its_files(tmp_path):
  puzzles = tmp_path / "puzzles.txt"
  names = set()
  for text in ("1 2 3 4\n", "4 4 10 13\n"):
    puzzles.write_text(text)
    task_config = game24_task.Config(problems=str(puzzles))
    names.add(task_builder.TaskConfig(task_config=task_config).name)
  names.add(task_builder.TaskConfig(seed=1).name)
  names.add(task_builder.TaskConfig(num_demonstrations=1).name)
  assert len(names) == 4


def test_data_set_appears_whole_after_a_killed_run(tmp_path):
  """The first run is killed while it writes; the second starts again."""
  script = tmp_path / "generate.py"
  script.write_text(
    "import sys, time\n"
    "from prm_jax.data.builders import chain, task_builder\n"
    "from prm_jax.tasks import chain as chain_task\n"
    "make_example = chain.Chain._example\n"
    "def slowly(self, problem):\n"
    "  time.sleep(0.1)\n"
    "  print('writing', flush=True)\n"
    "  return make_example(self, problem)\n"
    "chain.Chain._example = slowly\n"
    "config = task_builder.TaskConfig(num_demonstrations=2,\n"
    "  task_config=chain_task.Config(num_problems=40))\n"
    "task_builder.prepare(chain.Chain(data_dir=sys.argv[1], config=config))\n"
  )
  data = tmp_path / "data"
  process = subprocess.Popen(
    [sys.executable, str(script), str(data)],
    stdout=subprocess.PIPE,
    stderr=subprocess.DEVNULL,
    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
  )
  assert process.stdout is not None
  while b"writing" not in process.stdout.readline():
    assert process.poll() is None
  time.sleep(0.3)
  process.send_signal(signal.SIGKILL)
  process.wait()
  process.stdout.close()
  builder = make("chain", data)
  assert not pathlib.Path(builder.data_dir).exists()
  assert read(builder) == read(make("chain", tmp_path / "elsewhere"))


def test_tensorflow_is_never_imported(tmp_path):
  program = (
    "import sys\n"
    "from prm_jax.data import sources\n"
    "from prm_jax.data.builders import chain, task_builder\n"
    "from prm_jax.tasks import chain as chain_task\n"
    "config = task_builder.TaskConfig(num_demonstrations=1,\n"
    "  task_config=chain_task.Config(num_problems=20))\n"
    "builder = chain.Chain(data_dir=sys.argv[1], config=config)\n"
    "source = task_builder.prepare(builder)['train']\n"
    "assert sources.from_tfds(source).solutions\n"
    "assert 'tensorflow' not in sys.modules\n"
  )
  subprocess.run(
    [sys.executable, "-c", program, str(tmp_path)],
    check=True,
    capture_output=True,
    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
  )


def test_split_without_problems_is_named(tmp_path):
  few = chain_task.Config(num_problems=1)
  with pytest.raises(errors.UserError, match=r"data.splits: task chain has no"):
    read(make("chain", tmp_path, task_config=few))


def test_folder_that_cannot_be_written_and_no_demonstrations(tmp_path):
  blocker = tmp_path / "file"
  blocker.write_text("")
  with pytest.raises(errors.UserError, match="cannot write"):
    read(make("chain", blocker))
  with pytest.raises(errors.UserError, match=r"data.num_demonstrations"):
    make("chain", tmp_path, num_demonstrations=0)
