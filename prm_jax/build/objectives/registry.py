"""Objectives by name.

Next tokens: "sft", and "judgement", what a generative verifier says of steps.

Values and labels at positions: "orm" (outcome at the last token), "ovm"
(outcome at every token), "tvm" (prefix-tree value at every token), "step"
(labels at step ends), "rating" (human ratings of them: wrong, neutral, right),
"pav" (labels and the prompt's), "alpha_math" (a policy beside values). A head
of bins (`value_link` "expectation") learns any of them as a distribution.

All steps of a solution: "pqm" (their order), "survival" (the first error; a
score is the chance that the step is right if those before it are, so that
their product is the chance of the whole), "pooled" (the outcome, as if a
solution were wrong for a single step).

Pairs of ways to go on: "preference", "regression_preference", "gpm" (not
transitive), "step_dpo" (log-ratios of the step). Solutions of a problem: "tpo"
(a list in order), "aft" (right above wrong), "implicit" (log-ratios).
"""

from prm_jax import errors
from prm_jax.build.objectives import base, positions, rows, steps

_Of = base.Objective

OBJECTIVES: dict[str, base.Objective] = {
  "sft": _Of(positions.next_tokens, "tokens", "next_tokens"),
  "judgement": _Of(
    *(positions.next_tokens, "tokens", "judgements", "labels"),
    aggregate="min",
  ),
  "orm": _Of(positions.values, "values", "outcome"),
  "ovm": _Of(positions.values, "values", "outcomes"),
  "tvm": _Of(positions.values, "values", "tree"),
  "step": _Of(positions.values, "values", "steps", "labels", aggregate="min"),
  "rating": _Of(
    positions.values, "values", "ratings", "labels", aggregate="product"
  ),
  "pav": _Of(positions.values, "values", "prompt_and_steps", "labels"),
  "alpha_math": _Of(positions.policy_value, "both", "policy_steps", "labels"),
  "pqm": _Of(
    *(steps.ranked, "score", "steps", "labels"),
    is_whole=True,
    aggregate="min",
  ),
  "survival": _Of(
    *(steps.survival, "score", "hazards", "labels"),
    is_whole=True,
    aggregate="product",
  ),
  "pooled": _Of(
    *(steps.pooled, "score", "step_outcomes"),
    is_whole=True,
    forms=("max", "noisy_or", "log_mean_exp"),
    aggregate="min",
  ),
  "preference": _Of(
    *(rows.preference, "score", "pair_ends", "pairs"),
    is_whole=True,
    forms=("last", "steps", "soft", "scaled"),
  ),
  "regression_preference": _Of(
    *(rows.regression_preference, "score", "pair_ends", "pairs"),
    is_whole=True,
  ),
  "gpm": _Of(
    *(rows.general_preference, "embedding", "pair_ends", "pairs"),
    is_whole=True,
    forms=("hard", "soft"),
  ),
  "step_dpo": _Of(
    *(rows.step_dpo, "tokens", "pair_tokens", "pairs"),
    is_whole=True,
    has_reference=True,
    forms=("logistic", "ipo", "visits"),
  ),
  "tpo": _Of(
    *(rows.preference_list, "tokens", "lists"),
    is_whole=True,
    has_reference=True,
    forms=("ndcg", "equal"),
  ),
  "aft": _Of(
    *(rows.alignment, "tokens", "lists"),
    is_whole=True,
    forms=("boundary", "detached", "none"),
  ),
  "implicit": _Of(
    *(rows.log_ratio, "tokens", "lists"),
    is_whole=True,
    has_reference=True,
    forms=("ce", "dpo", "nca", "kto"),
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


def aggregate(config: base.ObjectiveConfig) -> str:
  """The rule for what is trained so; a noisy or says all steps are right."""
  if form(config) == "noisy_or":
    return "product"
  return get(config.name).aggregate
