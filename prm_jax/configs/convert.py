"""Public checkpoints to our folders and back.

  prm-jax convert --model DIR --workdir work/convert

writes `work/convert/model`: our folder (orbax) of a public checkpoint, or the
safetensors files of one of ours; `--format hf` and `--format native` say which.
Three readings of the weights, two of them to compare: about 1 s per 100 MB on
two cores. `parity.json` has the largest difference of the outputs before and
after: 0 where the type of the weights stays.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
  c = ml_collections.ConfigDict()
  c.model = ""
  c.format = ""  # "hf" or "native"; "": the one that it is not
  c.dtype = ""  # of the weights written; "": as they are
  c.shard_bytes = 5 * 10**9  # of a safetensors file, or one tensor
  # Tokens that both are given; at least one.
  c.parity = {"length": 32, "seed": 0, "use_torch": True}
  return c
