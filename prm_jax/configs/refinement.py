"""Writing again, as a rival of search: critics, revisions, debate.

  prm-jax refine --config refinement:glore --policy RUN/policy/model \\
    --verifier RUN/tvm/model --workdir /tmp/glore

The argument is the method: "glore" (default; drafts refined as a whole and
from the first wrong step, the verifier chooses, 2402.10963), "critic" (attempts
until the verifier finds no wrong step, as GenPRM's, 2504.00891), "revisions"
(chains of attempts, 2408.03314) or "debate" (2505.22960, no verifier). Models
are those trained here.
"""

from typing import Any

import ml_collections

from prm_jax.configs import game24_search

# Thresholds of 1/2 are for chances that a step is right. Values fall below it
# wherever the policy is likelier to fail than not: judged by them, a critic
# finds a wrong step in every attempt.
METHODS: dict[str, dict[str, Any]] = {
  "glore": {"threshold": 0.5, "accept": None},
  "critic": {"turns": 3, "threshold": 0.5, "ask": "keep_valid"},
  "revisions": {"num_chains": 4, "length": 4, "context": 4},
  "debate": {"num_agents": 4, "num_rounds": 4},
}


def get_config(method: str = "glore") -> ml_collections.ConfigDict:
  base = game24_search.get_config("best_of_n")
  c = ml_collections.ConfigDict()
  c.seed = 0
  c.task = base.task
  c.policy = ""
  c.verifier = ""
  c.split = "test"
  c.num_problems = 0  # 0: all
  c.sampler = base.sampler
  c.refinement = {"method": method, **METHODS[method]}
  # What the policy reads: "forgetful", the problem and the steps that are kept,
  # or "in_context", earlier solutions and notes before them, for policies that
  # have learnt from such texts.
  c.reading = "forgetful"
  c.solver = base.solver
  c.solver.prompt_tokens = 0  # 0: as many as can be asked for
  return c
