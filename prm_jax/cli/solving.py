"""From config groups to a solver; used by `search` and `quickstart`."""

import dataclasses
import functools
import itertools
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import ml_collections
import numpy as np

from prm_jax import errors
from prm_jax.build import fields, models, scorers, searches, verifier_files
from prm_jax.build.methods import base as methods
from prm_jax.cli import tree_pages
from prm_jax.decode import scoring, signals, step
from prm_jax.eval import bootstrap, flops
from prm_jax.models import config as config_lib
from prm_jax.reports import results
from prm_jax.solvers import oracle, solver, text_reading
from prm_jax.tasks import base as tasks
from prm_jax.text import hf_tokenizer, public_notation, token_bytes
from prm_jax.text import tokenizer as tokenizer_lib

ORACLE = "oracle"  # verifier: the task's exact values
POLICY = "policy"  # verifier: the value head on the policy's own trunk
# Verifiers that are the policy itself, see `decode.signals`.
CERTAINTY, REFERENCE = "certainty", "reference"
OWN_VERIFIERS = (ORACLE, POLICY, CERTAINTY, REFERENCE)  # no folders
PROMPT_MULTIPLE = 32  # slots of prompts: few programs for many files


@dataclasses.dataclass(frozen=True)
class Verifier:
  """A scorer and the parameters it reads."""

  name: str
  scorer: scoring.Scorer
  params: Any = None
  config: config_lib.ModelConfig | None = None  # of a model of its own
  reading: text_reading.TextReading | None = None  # of one with other tokens


def first(
  problems: Iterable[tasks.Problem], num_problems: int
) -> list[tasks.Problem]:
  """So many of the problems; all of them if 0."""
  if num_problems < 0:
    raise errors.UserError("num_problems: must be at least 0 (0: all)")
  return list(itertools.islice(problems, num_problems or None))


def load_policy(directory: str, flag: str = "--policy") -> models.Loaded:
  """The model that a user names to write solutions.

  Args:
    directory: of ours or a public one.
    flag: that named it.

  Raises:
    UserError: no model there, or a verifier.
  """
  loaded = models.load(directory, flag)
  if not loaded.model.config.use_lm_head:
    raise errors.UserError(f"{flag}: {directory}: the model has no LM head")
  return loaded


def load_target(directory: str, policy: models.Loaded) -> models.Loaded | None:
  """A second model that writes; none where the user names none.

  Raises:
    UserError: as of `load_policy`, or it has another vocabulary.
  """
  if not directory:
    return None
  loaded = load_policy(directory, "--target")
  _check_vocabulary("target", loaded, policy)
  sizes = {m.model.config.transformer.vocab_size for m in (loaded, policy)}
  if len(sizes) > 1:
    raise errors.UserError("target: its logits are not of the policy's number")
  return loaded


def _check_vocabulary(
  name: str, loaded: models.Loaded, policy: models.Loaded
) -> None:
  mine, theirs = (
    side.tokenizer.backend.get_vocab() for side in (loaded, policy)
  )
  if mine != theirs:
    raise errors.UserError(f"{name}: its vocabulary is not that of the policy")


def policy_notation(
  policy: models.Loaded,
) -> tokenizer_lib.Tokenizer | public_notation.PublicNotation:
  """How its problems and solutions stand in tokens, see `searches.notation`."""
  if isinstance(policy.tokenizer, hf_tokenizer.HfTokenizer):
    raise ValueError("a public checkpoint needs a notation to write in")
  return policy.tokenizer


def sizes(
  config: ml_collections.ConfigDict,
  policy: models.Loaded,
  problems: Sequence[tasks.Problem],
) -> ml_collections.ConfigDict:
  """The config's `solver` with room for all prompts, where it leaves it open.

  Raises:
    UserError: prompt and solution may be longer than the policy's context.
  """
  found = config.copy_and_resolve_references()
  if not found.prompt_tokens:
    encode = policy_notation(policy).encode_prompt
    longest = max((len(encode(p.prompt)) for p in problems), default=1)
    found.prompt_tokens = -(-longest // PROMPT_MULTIPLE) * PROMPT_MULTIPLE
  wanted = found.prompt_tokens + found.max_tokens
  if policy.context is not None and wanted > policy.context:
    raise errors.UserError(
      f"solver.max_tokens: {found.max_tokens} after prompts of up to "
      f"{found.prompt_tokens} tokens go beyond the policy's context of "
      f"{policy.context}"
    )
  return found


def no_verifier() -> Verifier:
  return Verifier("", scoring.NoScorer())


def model_verifier(
  name: str, loaded: models.Loaded, policy: models.Loaded, task: tasks.Task
) -> Verifier:
  """A verifier with a trunk of its own, read as its objective has it."""
  found = verifier_files.of_model(name, loaded, "verifier")
  return _read_verifier(name, found, policy)


def _read_verifier(
  name: str, found: verifier_files.Verifier, policy: models.Loaded
) -> Verifier:
  """What several models read costs as if all were of the first one's size."""
  _check_vocabulary("verifier", found.loaded, policy)
  scorer = scorers.scorer(found.reading)
  return Verifier(name, scorer, found.params, found.loaded.model.config)


def trunk_verifier(policy: models.Loaded) -> Verifier:
  """The value head of a policy that has one."""
  if policy.model.config.value_head == "none":
    raise errors.UserError("verifier: the policy has no value head")
  return Verifier(POLICY, scoring.TrunkScorer(policy.model))


def signal_verifier(name: str, policy: models.Loaded) -> Verifier:
  """How sure the policy is of what it wrote, or how much the question says."""
  scorer = signals.LawScorer(policy.model)
  if name == REFERENCE:
    blank = signals.blank(policy_notation(policy).pad_id)
    # The first tokens and the temperature of arXiv 2510.05681.
    statistic = functools.partial(signals.reference_divergence, temperature=4.0)
    scorer = signals.LawScorer(policy.model, statistic, (blank,), first=5)
  return Verifier(name, scorer, policy.params, policy.model.config)


def check_oracle(kind: str) -> None:
  """UserError unless it is one of `oracle.Kind`."""
  if kind not in get_args(oracle.Kind):
    raise errors.UserError(
      f"oracle: {kind!r} is not one of {', '.join(get_args(oracle.Kind))}"
    )


def oracle_verifier(
  task: tasks.Task,
  policy: models.Loaded,
  problems: Sequence[tasks.Problem],
  kind: oracle.Kind,
) -> Verifier:
  """The truth; see `solvers.oracle`."""
  check_oracle(kind)
  values = oracle.OracleValues(task, policy_notation(policy), problems, kind)
  return Verifier(ORACLE, scoring.OracleScorer(values))


def load_verifier(
  name: str,
  task: tasks.Task,
  policy: models.Loaded,
  problems: Sequence[tasks.Problem],
  oracle_kind: oracle.Kind,
) -> Verifier:
  """The verifier a user names: a directory, one of the names above or ""."""
  if not name:
    return no_verifier()
  if name == ORACLE:
    return oracle_verifier(task, policy, problems, oracle_kind)
  if name == POLICY:
    return trunk_verifier(policy)
  if name in (CERTAINTY, REFERENCE):
    return signal_verifier(name, policy)
  path = pathlib.Path(name).resolve()
  found = verifier_files.load(path, "--verifier")
  if found.note:
    print(found.note)
  return _read_verifier(path.parent.name, found, policy)


def make_solver(
  task: tasks.Task,
  policy: models.Loaded,
  verifier: Verifier,
  *,
  search: methods.MethodConfig,
  sampler: ml_collections.ConfigDict,
  sizes: ml_collections.ConfigDict,
  seed: int,
  ends: searches.StepConfig | None = None,
  target: models.Loaded | None = None,
) -> solver.Solver:
  """Binds everything; compiles nothing yet."""
  vocab_size = policy.model.config.transformer.vocab_size
  step_format = searches.step_format(task, policy.tokenizer, ends, vocab_size)
  own = tree_pages.add(
    solver_config(sizes), search, task.max_steps, step_format.max_step_tokens
  )
  steps = step.StepFactory(
    policy.model,
    scorers.laid_out(verifier.scorer, own.layout),
    searches.sampler(sampler),
    step_format,
    searches.run_fn(search, own.slots),
    target and target.model,
    token_bytes.Vocabulary(policy.tokenizer.backend, vocab_size),
  )
  params = {"policy": policy.params, "verifier": verifier.params}
  if target is not None:
    params["target"] = target.params
  return solver.Solver(
    params,
    policy_notation(policy),
    steps=steps,
    search_fn=search.bind(task.max_steps, steps),
    num_rows=search.num_rows,
    config=own,
    seed=seed,
  )


def solver_config(sizes: ml_collections.ConfigDict) -> solver.SolverConfig:
  return fields.dataclass(solver.SolverConfig, sizes.to_dict(), "solver")


def costs(
  solved: solver.Solved,
  policy: models.Loaded,
  verifier: Verifier,
  target: models.Loaded | None = None,
) -> dict[str, np.ndarray]:
  """[n] per counter of `search.base.Cost`, and "flops", see `eval.flops`."""
  encode = policy_notation(policy).encode_prompt
  spent = flops.of_search(
    solved.cost,
    np.array([len(encode(problem.prompt)) for problem in solved.problems]),
    solved.length,
    policy.model.config,
    verifier.config,
    target and target.model.config,
  )
  return {**solved.cost._asdict(), "flops": spent.total}


def accuracy_row(
  name: str,
  correct: np.ndarray,
  cost: Mapping[str, np.ndarray] | None = None,
  wall_s: float | None = None,
) -> results.Row:
  """A row of the table.

  Args:
    name: `method` or `method/verifier`.
    correct: bool [n], or [n, k] k samples of each problem.
    cost: [n] per counter.
    wall_s: for all problems.
  """
  found = bootstrap.accuracy(correct.astype(np.float64))
  return results.Row(
    name=name,
    metric="accuracy",
    value=found.value,
    ci_low=found.low,
    ci_high=found.high,
    n=len(correct),
    cost={k: float(np.mean(v)) for k, v in (cost or {}).items()},
    wall_s=wall_s,
  )
