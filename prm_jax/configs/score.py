"""Step scores of given solutions.

prm-jax score --model DIR --input FILE.jsonl --workdir DIR [--format NAME]

DIR is a public process reward model (config.json, safetensors files,
tokenizer.json), a verifier trained here, or a file that names several of these
(`build.verifier_files`: ensembles, progress under a prover). Verifiers of
`chain_verifier:judgement` score by one look, or by votes that they write with
`--format judgement`. Scores go to `scores.jsonl`, a line
per line of the input; a GSM8K test file takes 20 seconds with a tiny model on
two cores.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
  c = ml_collections.ConfigDict()
  c.model = ""
  c.input = ""
  c.format = ""  # "": config.json tells
  c.joining = ""  # "string" or "tokens"; "": as the format's authors do
  c.base = ""  # the model that an adapter changes; "": as it says itself
  c.reference = ""  # folder of an implicit model's reference
  c.beta = 0.0  # of an implicit model; 0: as its authors have it
  c.answers = False  # the model is shown the input's, where its format can
  c.split = ""  # between steps of a whole text; "": as the format has it
  c.aggregate = ""  # solution score; "": as the format's authors do
  c.dtype = ""  # of the model's activations; "": as config.json has it
  c.max_tokens = 0  # 0: what the format and config.json say
  c.overlong = "stop"  # or "left", "skip"
  c.skip_bad = False
  c.batch_tokens = 0  # of one forward; 0: as the device wants it
  c.chunk = 1024  # solutions between two writes
  # Of verifiers that write; see `solvers.rationales.Config`.
  c.generative = ml_collections.ConfigDict()
  c.generative.mode = "reason"  # or "direct"
  c.generative.votes = 1
  c.generative.pool = "mean"  # of votes; or "majority"
  # Or "unanswered"; "tool" is a calculator, of format "judgement" alone.
  # Nothing is ever run here.
  c.generative.code = "skip"
  c.generative.rounds = 3  # programs or calculations of a rationale
  c.generative.max_tokens = 2048  # of an analysis
  c.generative.at_limit = "judge"  # or "unknown"
  c.generative.temperature = 0.6
  c.generative.top_p = 0.95
  c.generative.top_k = 20
  c.generative.batch_size = 16
  c.generative.seed = 0
  return c
