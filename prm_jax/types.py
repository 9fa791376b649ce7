"""Axis letters and array aliases of the whole package.

Axis letters, used in annotations and shape comments:
  b  sequences of a training batch       B  problems of a search batch
  t  tokens of a sequence                N  rows (samples, beams, particles)
  k  steps of a solution                 T  step budget of a search
  v  vocabulary                          S  token slots of a row
  d  model width                         P  token slots of the prompt
"""

from typing import Any, TypeAlias

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, Key

Array: TypeAlias = jax.Array
Params: TypeAlias = Any
PRNGKey: TypeAlias = jax.Array  # one key of jax.random.key
PRNGKeys: TypeAlias = jax.Array  # [B] one key per problem

Tokens = Int[Array, "*b t"]
TokenLogits = Float[Array, "*b t v"]
TokenValues = Float[Array, "*b t"]
TokenWeights = Float[Array, "*b t"]
Parents = Int[Array, "B N"]
RowScores = Float[Array, "B N"]
RowFlags = Bool[Array, "B N"]
ProblemKeys = Key[Array, "B"]
HostTokens: TypeAlias = np.ndarray  # [t] int32, on the host
