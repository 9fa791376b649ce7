"""Labels made of labels: no policy is asked.

  prm-jax label --config relabel:rpe --input labels.jsonl --workdir work/rpe

The argument is the method, `method` its choices:

  rpe        relative progress (GenPRM); pass@1 by `rollouts.root`
  pav        values and advantages under a prover (PAV): `other` has the
             prover's labels; without it, the best of K
  judge      the verdicts of a judge, or of several that vote (AURORA)
  consensus  labels on which completions and the judge agree
  rearter    equal classes; `other` has a stronger completer's labels of
             solutions that nobody completed (ReARTeR)
  mm_prm     positives of open problems sub-sampled (MM-PRM)
  sorm       any of K completions, closed towards the start, balanced (GLoRe)
  hazard     the first error, for the objective "survival" (CRM)
  scan       probabilities that undo known error rates of completions (SCAN)
  information  entropy of the outcome and surprisal of a right one by step
  mutations  lines of right programs rewritten, run and labelled (PRLCoder)

The input holds labels that `label` wrote, or solutions, which a judge labels
without counts; a judge and `truth` need the problems, from `problems` or from
the input itself. Labels go to `labels.jsonl`, what became of them to
`label_stats.json`.
"""

import ml_collections

from prm_jax.configs import score

_BALANCE = {
  "by": "file",  # or "step", "problem"
  "positive": "half",  # or "any"
  "drop": "larger",  # or "positive"
  "ratio": 1.0,  # labels of the one class per label of the other
  "problems": "all",  # or "open"
  "seed": 0,
}

METHODS = {
  "rpe": {
    "rule": "ratio",  # or "difference"
    "threshold": 0.8,
    "start": "root",  # or "solutions"
    "zero_start": "ignore",  # or "wrong", "any"
  },
  "pav": {
    "best_of": 4,
    "estimate": "unbiased",  # or "plug_in"
    "alpha": 0.5,
    "target": "prover",  # or "base", "effective"
    "until_pit": True,
    "balanced": True,
    "seed": 0,
  },
  "judge": {},
  "consensus": {"by": "solution", "threshold": 0.0},  # or "step"
  "rearter": _BALANCE,
  "mm_prm": {
    **_BALANCE,
    "positive": "any",
    "drop": "positive",
    "problems": "open",
  },
  "sorm": {
    "closure": True,
    # Reads the texts of right completions, extra.verified, which records have
    # from Python alone.
    "consistency": False,
    "balanced": True,
    "seed": 0,
  },
  "hazard": {"by": "counts", "threshold": 0.0, "unlocated": "keep"},
  "scan": {
    "missed": 0.1,  # P(no completion is correct | the step is right)
    "lucky": 0.1,  # P(one is correct | the step is wrong)
    "prior": 0.0,  # P(a step is right); 0: estimated
    "threshold": 0.0,
  },
  "information": {"prior": 0.5},  # completions added to right and wrong ones
  "mutations": {"refactor": 0.5, "copies": 1, "seed": 0},
}


def get_config(method: str = "rpe") -> ml_collections.ConfigDict:
  c = ml_collections.ConfigDict()
  c.relabel = method
  c.input = ""
  c.other = ""  # a second file of labels
  c.problems = ""
  c.split = "\n\n"  # between the steps of a whole text
  c.skip_bad = False
  c.truth = False  # compare with the task's own truth
  c.method = METHODS[method]
  # Of the judge "model", the config of `score`: --verifier is its model,
  # --format its format, which may write; `answers` verifies in reverse.
  c.scorer = score.get_config()
  c.judge = {
    "kind": "oracle",  # or "noisy", "model"
    "num": 1,  # noisy judges that vote
    "ties": "unknown",  # or "right", "wrong"
    "accuracy": 0.9,
    "accuracy_wrong": -1.0,  # of wrong steps; negative: as of right ones
    "reverse_accuracy": -1.0,  # where the answer is known to be wrong
    "correlation": 0.0,
    "unknown": 0.0,
    "seed": 0,
    "threshold": 0.5,  # of a model's scores
    "margin": 0.0,  # scores so close to it say nothing
  }
  return c
