"""Every other objective on modular addition chains, from files of records.

  prm-jax train --config chain_verifier:preference --model RUN/model \\
    --config.examples.problems=problems.jsonl \\
    --config.examples.pairs=pairs.jsonl --workdir /tmp/preference

The argument is one of `RECIPES`. Those of pairs want `StepPair` records
(`examples.pairs`), "binned", "cape", "pooled", "tpo", "aft" and the implicit
ones solutions (`examples.solutions`), the others labels (`examples.labels`).
What compares with another model takes the one that it begins with, `--model`,
unless `objective.reference` names one.

"cape" and "self_distilled" train in rounds (`cli.rounds`), "distilled" learns
from the verifier that `teacher.model` names. "three_class" reads human ratings.
What "calculating_judgement" trains writes a calculation before each verdict:
`prm-jax score --format judgement --config.generative.code=tool
--config.generative.votes=8`.
"""

from typing import Any

import ml_collections

from prm_jax.configs import chain_steps

_PAIRS = (
  *("preference", "tree_plv", "omega_pairs", "margin", "helpsteer", "gpm"),
  *("step_dpo", "step_apo", "mcts_dpo", "ipo"),
)
_RATIOS: dict[str, tuple[str, dict[str, Any]]] = {
  "step_dpo": ("step_dpo", {"beta": 0.5}),
  "step_apo": ("step_dpo", {"beta": 0.3, "alpha": 1.0}),
  "mcts_dpo": ("step_dpo", {"beta": 0.1, "form": "visits"}),
  "ipo": ("step_dpo", {"beta": 0.1, "form": "ipo"}),
  "tpo": ("tpo", {"beta": 0.1}),
  "aft": ("aft", {"alpha": 0.1}),
  "implicit": ("implicit", {"form": "ce"}),
  "implicit_dpo": ("implicit", {"form": "dpo"}),
  "implicit_nca": ("implicit", {"form": "nca"}),
  "implicit_kto": ("implicit", {"form": "kto"}),
  "judgement": ("judgement", {}),
  "calculating_judgement": ("judgement", {}),
}
_SCORES: dict[str, tuple[str, dict[str, Any]]] = {
  "pooled": ("pooled", {"form": "noisy_or"}),
  "preference": ("preference", {}),
  "tree_plv": ("preference", {"form": "steps"}),
  "omega_pairs": ("preference", {"form": "soft"}),
  "margin": ("preference", {"alpha": 1.0}),
  "helpsteer": ("regression_preference", {"alpha": 1.0}),
  "gpm": ("gpm", {"beta": 0.1}),
  "binned": ("tvm", {}),
  "pav": ("pav", {}),
  "rest_mcts": ("step", {"loss": "squared_error"}),
  "alpha_math": ("alpha_math", {"alpha": 0.01}),
  "three_class": ("rating", {}),
  "cape": ("ovm", {}),
  "distilled": ("step", {}),
  "self_distilled": ("step", {}),
}
# Verdicts are words that rationales do not hold.
_VERDICTS = {
  "judgement": {"right": "1", "wrong": "0", "note": "record"},
  "calculating_judgement": {
    "right": "|",
    "wrong": "/",
    "note": "calculation",
  },
}
RECIPES = (*_RATIOS, *_SCORES)


def get_config(name: str = "preference") -> ml_collections.ConfigDict:
  if name not in RECIPES:
    raise ValueError(f"{name!r} is not one of {', '.join(RECIPES)}")
  c = chain_steps.get_config("survival")
  is_policy = name in _RATIOS
  objective, own = (_RATIOS if is_policy else _SCORES)[name]
  c.objective.update(
    form="", beta=0.05, alpha=0.0, smoothing=0.0, temperature=1.0,
    list_size=4, reference="",
  )  # fmt: skip
  c.objective.update(name=objective, **own)
  c.model.update(
    use_lm_head=is_policy or name == "alpha_math",
    value_head="none" if is_policy else "scalar",
    num_classes=2,
  )
  if name in ("gpm", "binned"):
    c.model.update(
      value_head="step",
      value_link="embedding" if name == "gpm" else "expectation",
      num_classes=8,
    )
  if name == "alpha_math":
    c.model.value_link = "tanh"
  if name == "three_class":
    c.model.update(value_head="step", num_classes=3)
  # Targets by way of a finished verifier, see `cli.soft_targets`.
  c.teacher = {
    "form": "none",
    "model": "",
    "weight": 1.0,
    "num_bins": 10,
    "width": 0.1,
    "num_neighbours": 500,
  }
  if name == "distilled":
    c.teacher.form = "predictions"
  schedules = {"cape": "cape", "self_distilled": "self_distillation"}
  c.rounds = {
    "schedule": schedules.get(name, "none"),
    "num": 7,
    "num_steps": 100,
    "form": "bins",  # of CaPE; or "kernel"
    "gap": 2,
    "weight": 0.8,  # of the last predictions
  }
  # Or "temperature", "isotonic", "sdm", see `soft_targets.CalibrationConfig`.
  c.calibration = {"method": "none", "size": 2000}
  if own_words := _VERDICTS.get(name):
    c.judgement = {**own_words, "text": "{note}{verdict}", "threshold": 0.5}
  c.examples.source = "files"
  c.examples.update(pairs="", eval_pairs="")
  width = 2 * 40 if name in _PAIRS else 40
  if name in ("tpo", "aft") or name.startswith("implicit"):
    width = c.objective.list_size * 40
  c.data.update(length=width, boundaries=(width,))
  return c
