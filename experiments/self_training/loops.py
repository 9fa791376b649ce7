"""A round of AlphaMath, of ReST-MCTS*, and of sampling in their place.

A loop has a policy and a value. Each round searches training problems with
both, labels the solutions that were found (`labelling.tree_values`) and trains
both on: the policy on the right solutions alone, the value on all.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import ml_collections
import numpy as np

from prm_jax.build import models, searches
from prm_jax.build.methods import base, sampling
from prm_jax.cli import solving, train, verifying
from prm_jax.configs import game24_policy, game24_search, search_methods
from prm_jax.data import record_files, records
from prm_jax.labelling import tree_values
from prm_jax.models import lm
from prm_jax.solvers import judging, solver
from prm_jax.tasks import base as tasks
from prm_jax.text import tokenizer as tokenizer_lib

# Both heads of AlphaMath's model learn at Game of 24's size; the paper's 0.01
# is for a language model that is not to be disturbed.
VALUE_WEIGHT = 0.5


class Loop(NamedTuple):
  """A published loop.

  Attributes:
    method: that finds solutions, a name of `configs.search_methods`.
    labels: what steps are worth.
    is_joint: one model is policy and value; else there are two.
    searches: of each problem; 0: as `Sizes` has it.
  """

  method: str
  labels: Literal["alpha_math", "rest"]
  is_joint: bool
  searches: int = 0


LOOPS: Mapping[str, Loop] = {
  "alpha_math": Loop("alpha_math", "alpha_math", is_joint=True),
  "rest_mcts": Loop("rest_mcts", "rest", is_joint=False),
  # No tree: what search adds to learning from one's own right solutions.
  "sampling": Loop("best_of_n", "alpha_math", is_joint=True),
  # The same with about as many tokens as the trees of AlphaMath.
  "sampling_40": Loop("best_of_n", "alpha_math", is_joint=True, searches=5),
}


class Pair(NamedTuple):
  """A policy and what values its steps."""

  policy: models.Loaded
  value: models.Loaded | None  # None: the head on the policy

  def verifier(self, task: tasks.Task) -> verifying.Verifier:
    if self.value is None:
      return verifying.of_trunk(self.policy)
    return verifying.of_model("value", self.value, self.policy, task)


@dataclasses.dataclass(frozen=True)
class Sizes:
  """Of a round.

  Attributes:
    problems: that are searched.
    searches: of each.
    rows: children of a node, and solutions of a search.
    simulations: of a search.
    updates: of a training run.
    batch: solutions of an update.
  """

  problems: int = 256
  searches: int = 2
  rows: int = 8
  simulations: int = 16
  updates: int = 60
  batch: int = 64


def search(
  loop: Loop,
  pair: Pair,
  task: tasks.Task,
  problems: Sequence[tasks.Problem],
  sizes: Sizes,
  seed: int,
) -> solver.Solved:
  """Solutions of the loop's own search."""
  return solve(pair, task, problems, bind(loop.method, sizes), seed)


def bind(method: str, sizes: Sizes, **changes: Any) -> base.MethodConfig:
  group = ml_collections.ConfigDict(search_methods.get(method))
  changes["num_rows"] = sizes.rows
  if "num_simulations" in group:
    changes["num_simulations"] = sizes.simulations
  return searches.method(group, **changes)


def solve(
  pair: Pair,
  task: tasks.Task,
  problems: Sequence[tasks.Problem],
  method: base.MethodConfig,
  seed: int,
  temperature: float = 1.0,
) -> solver.Solved:
  config = game24_search.get_config()
  config.sampler.temperature = temperature
  config.solver.batch_size = 64
  return solving.make_solver(
    task,
    pair.policy,
    pair.verifier(task),
    search=method,
    sampler=config.sampler,
    sizes=config.solver,
    seed=seed,
  ).solve(problems)


def begin(
  loop: Loop,
  policy: models.Loaded,
  task: tasks.Task,
  problems: Sequence[tasks.Problem],
  sizes: Sizes,
  workdir: pathlib.Path,
  seed: int,
) -> Pair:
  """What a loop starts with.

  AlphaMath's head is new and says 0. ReST-MCTS* has a value model before its
  first search: here it learns from as many plain samples as a round finds.
  """
  if loop.is_joint:
    return Pair(_with_head(policy, seed), None)
  found = []
  plain = dataclasses.replace(sizes, rows=sizes.rows * sizes.searches)
  bare = Pair(_with_head(policy, seed), None)
  sampled = solve(
    bare, task, problems, sampling.BestOfN(plain.rows), seed=1000 * seed + 999
  )
  judged = judging.judge(task, policy.tokenizer, sampled)
  found = writable(judging.to_solutions(sampled, judged, "policy"))
  labels = label(loop, found)
  value = _train_value(policy, problems, labels, sizes, workdir, seed)
  return Pair(policy, value)


def writable(found: Sequence[records.Solution]) -> list[records.Solution]:
  """Those without the token for unknown words: no text writes it."""
  return [
    one
    for one in found
    if not any(tokenizer_lib.UNKNOWN in step for step in one.steps)
  ]


def label(
  loop: Loop, found: Sequence[records.Solution]
) -> list[records.StepLabels]:
  checked, _ = tree_values.read(found)
  return tree_values.label(checked, loop.labels, "policy")


def learn(
  loop: Loop,
  pair: Pair,
  problems: Sequence[tasks.Problem],
  found: Sequence[records.Solution],
  sizes: Sizes,
  workdir: pathlib.Path,
  seed: int,
) -> tuple[Pair, dict[str, Any]]:
  """The next policy and value, and what they learnt from."""
  labels = label(loop, writable(found))
  right = [one for one in labels if one.extra["correct"]]
  told = {
    "found": len(found),
    "correct": float(np.mean([bool(one.correct) for one in found])),
    "unwritable": len(found) - len(writable(found)),
    "distinct": len(labels),
    "traces": len(right),
    "solved": len({one.problem_id for one in right}),
  }
  if loop.is_joint:
    config = _config(sizes, seed)
    config.objective.update({"name": "alpha_math", "alpha": VALUE_WEIGHT})
    _head(config, "tanh")
    policy = _stage(
      *(config, pair.policy, problems, "labels", labels, workdir / "policy")
    )
    return Pair(policy, None), told
  traces = [
    records.Solution(one.problem_id, one.steps or (), None, True, "search")
    for one in right
  ]
  policy = _stage(
    *(_config(sizes, seed), pair.policy, problems),
    *("solutions", traces, workdir / "policy"),
  )
  assert pair.value is not None
  value = _train_value(pair.value, problems, labels, sizes, workdir, seed)
  return Pair(policy, value), told


def _train_value(start, problems, labels, sizes, workdir, seed):
  """Squared error to the steps' quality."""
  config = _config(sizes, seed)
  config.objective.update({"name": "step", "loss": "squared_error"})
  _head(config, "sigmoid")
  config.model.use_lm_head = False
  return _stage(config, start, problems, "labels", labels, workdir / "value")


def _config(sizes: Sizes, seed: int) -> ml_collections.ConfigDict:
  """A quarter of the first training's rates: most is known."""
  config = game24_policy.get_config()
  config.seed = seed
  config.examples.source = "files"
  config.data.batch_size = sizes.batch
  config.optim.learning_rate = 5e-3
  config.optim.adam_learning_rate = 1.25e-3
  config.optim.warmup_steps = 10
  config.fit.num_steps = sizes.updates
  config.fit.save_every = sizes.updates
  return config


def _head(config: ml_collections.ConfigDict, link: str) -> None:
  config.model.value_head, config.model.value_link = "scalar", link


def _stage(config, start, problems, kind, rows, workdir):
  """A training run that begins with a model in memory."""
  workdir.mkdir(parents=True, exist_ok=True)
  config.init = str(workdir / "init")
  models.save(config.init, start, workdir)
  for name, found in (("problems", problems), (kind, rows)):
    config.examples[name] = str(workdir / f"{name}.jsonl")
    record_files.write(config.examples[name], found)
  return train.stage(
    config, workdir, data_dir=workdir / "data", label=workdir.parent.name
  )


def _with_head(policy: models.Loaded, seed: int) -> models.Loaded:
  """The policy with a value head that says 0 of everything."""
  config = dataclasses.replace(
    policy.model.config, value_head="scalar", value_link="tanh"
  )
  model = lm.Model(config)
  fresh = nn.unbox(models.init_fn(model)(jax.random.key(seed)))
  params = {"params": {**fresh["params"], **policy.params["params"]}}
  return policy._replace(model=model, params=params)
