"""Objectives by name.

"sft"; "orm" (outcome at the last token), "ovm" (outcome at every token), "tvm"
(prefix-tree value at every token), "step" (labels at step ends); of the same
labels "pqm" (their order) and "survival" (the first error; a score is the
chance that the step is right if those before it are, so that their product is
the chance of the whole).
"""

from prm_jax import errors
from prm_jax.build.objectives import base, positions, steps

OBJECTIVES: dict[str, base.Objective] = {
  "sft": base.Objective(positions.next_tokens, "tokens", "next_tokens"),
  "orm": base.Objective(positions.values, "values", "outcome"),
  "ovm": base.Objective(positions.values, "values", "outcomes"),
  "tvm": base.Objective(positions.values, "values", "tree"),
  "step": base.Objective(positions.values, "values", "steps", "labels"),
  "pqm": base.Objective(
    steps.ranked, "score", "steps", "labels", is_whole=True
  ),
  "survival": base.Objective(
    steps.survival, "score", "steps", "labels", is_whole=True
  ),
}


def get(name: str) -> base.Objective:
  """The objective; UserError where there is none of that name."""
  if name not in OBJECTIVES:
    raise errors.UserError(
      f"objective.name: {name!r} is not one of {', '.join(OBJECTIVES)}"
    )
  return OBJECTIVES[name]


def form(config: base.ObjectiveConfig) -> str:
  """The form that the config names, or the first."""
  forms = get(config.name).forms
  found = config.form or forms[0]
  if found not in forms:
    raise errors.UserError(
      f"objective.form: {found!r} is not one of {', '.join(forms)}"
    )
  return found
