"""What moves a verifier that should not: probes, swaps, attacks.

  prm-jax evaluate --benchmark bias --input solutions.jsonl \\
    --config.protocol.problems=problems.jsonl --model DIR --workdir DIR

Solutions are changed and scored anew, so a file of scores will not do. A
verifier whose tokenizer knows few words takes
`--config.protocol.attacks=` and `--config.protocol.probes=` of what it reads.
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config() -> ml_collections.ConfigDict:
  return evaluation.scored(
    "bias",
    problems="",
    aggregates=("min", "product", "mean", "last"),
    probes=(
      *("repeat last", "repeat first", "filler", "numbers", "merged"),
      "other problem",
    ),
    attacks=(
      *("empty symbol", "punctuation", "gibberish", "html", "markdown"),
      *("opener", "thought", "solution heading", "certainty", "explanation"),
      *("injection", "verdict", "praise"),
    ),
    threshold=0.5,
  )
