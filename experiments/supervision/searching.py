"""How well a policy searches with a verifier."""

from collections.abc import Mapping, Sequence

import jax
import ml_collections
import numpy as np

from prm_jax.build import models, searches, verifier_files
from prm_jax.cli import policies, solving, verifying
from prm_jax.models import reads
from prm_jax.solvers import judging
from prm_jax.tasks import base as tasks

PARTICLES = 16


class Searching:
  """Particle filters on the same problems.

  Args:
    task: that judges.
    policy: that writes.
    config: as of `game24_search:particle`.
    problems: held out.
  """

  def __init__(
    self,
    task: tasks.Task,
    policy: models.Loaded,
    config: ml_collections.ConfigDict,
    problems: Sequence[tasks.Problem],
  ):
    self._task, self._policy = task, policy
    self._config, self._problems = config, problems
    self._programs: dict[reads.Reading, jax.stages.Compiled] = {}

  def __call__(self, verifier: verifier_files.Verifier) -> Mapping[str, float]:
    """Accuracy of the solution chosen, and of all rows."""
    group = self._config.search.to_dict() | {"num_rows": PARTICLES}
    solver = solving.make_solver(
      self._task,
      self._policy,
      verifying.of("value", verifier, self._policy),
      search=searches.method(ml_collections.ConfigDict(group)),
      sampler=self._config.sampler,
      sizes=policies.sizes(self._config.solver, self._policy, self._problems),
      seed=77,
    )
    # Verifiers that are read alike share what is compiled.
    if verifier.reading in self._programs:
      solver.program = self._programs[verifier.reading]
    self._programs[verifier.reading] = solver.program
    found = solver.solve(self._problems)
    notation = policies.notation(self._policy)
    judged = judging.judge(self._task, notation, found)
    chosen = judged.correct[np.arange(len(self._problems)), found.chosen]
    return {
      "particle": float(chosen.mean()),
      "particle_mean": float(judged.correct.mean()),
    }
