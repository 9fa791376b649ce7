"""Verifiers as a search takes them, by the names that users give them."""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence
from typing import Any, get_args

from prm_jax import errors
from prm_jax.build import models, ranges, scorers, verifier_files
from prm_jax.cli import policies
from prm_jax.decode import scoring, signals
from prm_jax.models import config as config_lib
from prm_jax.solvers import oracle, text_reading
from prm_jax.tasks import base as tasks

ORACLE = "oracle"  # verifier: the task's exact values
POLICY = "policy"  # verifier: the value head on the policy's own trunk
# Verifiers that are the policy itself, see `decode.signals`.
CERTAINTY, REFERENCE = "certainty", "reference"
OWN_VERIFIERS = (ORACLE, POLICY, CERTAINTY, REFERENCE)  # no folders


@dataclasses.dataclass(frozen=True)
class Verifier:
  """A scorer and the parameters it reads.

  Attributes:
    name: for tables.
    scorer: of rows while they grow.
    params: what it reads.
    config: of a model of its own.
    reading: of one with other tokens.
    is_probability: its scores lie between 0 and 1.
  """

  name: str
  scorer: scoring.Scorer
  params: Any = None
  config: config_lib.ModelConfig | None = None
  reading: text_reading.TextReading | None = None
  is_probability: bool = True


def none() -> Verifier:
  return Verifier("", scoring.NoScorer())


def of_model(
  name: str, loaded: models.Loaded, policy: models.Loaded, task: tasks.Task
) -> Verifier:
  """A verifier with a trunk of its own, read as its objective has it."""
  found = verifier_files.of_model(name, loaded, "verifier")
  return of(name, found, policy)


def of(
  name: str, found: verifier_files.Verifier, policy: models.Loaded
) -> Verifier:
  """What several models read costs as if all were of the first one's size."""
  policies.check_vocabulary("verifier", found.loaded, policy)
  scorer = scorers.scorer(found.reading)
  return Verifier(
    name,
    scorer,
    found.params,
    found.loaded.model.config,
    is_probability=ranges.is_probability(found.reading),
  )


def of_trunk(policy: models.Loaded) -> Verifier:
  """The value head of a policy that has one."""
  if policy.model.config.value_head == "none":
    raise errors.UserError("verifier: the policy has no value head")
  is_probability = ranges.of_model(policy.model)
  scorer = scoring.TrunkScorer(policy.model)
  return Verifier(POLICY, scorer, is_probability=is_probability)


def of_signal(name: str, policy: models.Loaded) -> Verifier:
  """How sure the policy is of what it wrote, or how much the question says."""
  scorer = signals.LawScorer(policy.model)
  if name == REFERENCE:
    blank = signals.blank(policies.notation(policy).pad_id)
    # The first tokens and the temperature of arXiv 2510.05681.
    statistic = functools.partial(signals.reference_divergence, temperature=4.0)
    scorer = signals.LawScorer(policy.model, statistic, (blank,), first=5)
  config = policy.model.config
  return Verifier(name, scorer, policy.params, config, is_probability=False)


def check_oracle(kind: str) -> None:
  """UserError unless it is one of `oracle.Kind`."""
  if kind not in get_args(oracle.Kind):
    raise errors.UserError(
      f"oracle: {kind!r} is not one of {', '.join(get_args(oracle.Kind))}"
    )


def of_oracle(
  task: tasks.Task,
  policy: models.Loaded,
  problems: Sequence[tasks.Problem],
  kind: oracle.Kind,
) -> Verifier:
  """The truth; see `solvers.oracle`."""
  check_oracle(kind)
  values = oracle.OracleValues(task, policies.notation(policy), problems, kind)
  return Verifier(ORACLE, scoring.OracleScorer(values))


def load(
  name: str,
  task: tasks.Task,
  policy: models.Loaded,
  problems: Sequence[tasks.Problem],
  oracle_kind: oracle.Kind,
) -> Verifier:
  """The verifier a user names: a directory, one of the names above or ""."""
  if not name:
    return none()
  if name == ORACLE:
    return of_oracle(task, policy, problems, oracle_kind)
  if name == POLICY:
    return of_trunk(policy)
  if name in (CERTAINTY, REFERENCE):
    return of_signal(name, policy)
  path = pathlib.Path(name).resolve()
  found = verifier_files.load(path, "--verifier")
  if found.note:
    print(found.note)
  return of(path.parent.name, found, policy)
