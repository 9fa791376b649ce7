"""ProcessBench: where is the first error (arXiv 2412.06559).

  prm-jax evaluate --benchmark processbench --input FILE_OR_FOLDER \\
    --scores scores.jsonl --workdir DIR          # or --model DIR

The argument is the rule of the threshold: "fixed" (default, 0.5), "split"
(chosen on the subset `--config.protocol.threshold.split`, which is then not
evaluated; the paper's is gsm8k) or "file" (chosen on
`--config.protocol.threshold.file`). With scores from files the bootstrap is
all there is to wait for: seconds.
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config(rule: str = "fixed") -> ml_collections.ConfigDict:
  return evaluation.scored(
    "processbench",
    threshold={
      "rule": rule,
      "value": 0.5,
      "split": "gsm8k" if rule == "split" else "",
      "file": "",
      "scores": "",  # of that file, where scores come from files
    },
    subsets=(),  # all
    num_bins=10,
    against="",  # scores of another verifier, to compare with
  )
