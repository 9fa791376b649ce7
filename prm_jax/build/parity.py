"""Whether two copies of a model, or torch's and ours, say the same."""

import importlib.util
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.build import models
from prm_jax.models import lm
from prm_jax.types import Params


class Outputs(NamedTuple):
  """What a model says to fixed tokens; heads that it has not are None."""

  tokens: np.ndarray  # int32 [t]
  logits: np.ndarray | None  # [t, v] float32
  values: np.ndarray | None  # [t] or [t, classes] float32


def outputs(loaded: models.Loaded, length: int, seed: int) -> Outputs:
  """Outputs at so many tokens, drawn from the whole vocabulary."""
  size = loaded.model.config.transformer.vocab_size
  rng = np.random.default_rng(seed)
  tokens = rng.integers(0, size, length).astype(np.int32)
  place = jnp.arange(length)[None]
  found = jax.jit(lambda p, *x: lm.forward(loaded.model, p, *x))(
    loaded.params, tokens[None], place, jnp.ones_like(place)
  )
  first = lambda x: None if x is None else np.asarray(x[0], np.float32)
  return Outputs(tokens, first(found.logits), first(found.values))


def weight_dtype(params: Params) -> str:
  """Of most of the parameters' elements."""
  sizes: dict[str, int] = {}
  for leaf in jax.tree.leaves(params):
    sizes[str(leaf.dtype)] = sizes.get(str(leaf.dtype), 0) + leaf.size
  return max(sizes, key=lambda name: sizes[name])


def differences(one: Outputs, other: Outputs) -> dict[str, Any]:
  """Largest absolute difference per head, and how often the largest agrees."""
  found: dict[str, Any] = {"tokens": len(one.tokens)}
  for name in ("logits", "values"):
    pair = getattr(one, name), getattr(other, name)
    if pair[0] is None or pair[1] is None:
      continue
    found[f"max_abs_{name}"] = float(np.max(np.abs(pair[0] - pair[1])))
    found[f"largest_{name}"] = float(np.max(np.abs(pair[0])))
    if pair[0].ndim == 2:
      same = pair[0].argmax(axis=-1) == pair[1].argmax(axis=-1)
      found[f"same_argmax_{name}"] = float(np.mean(same))
  return found


def against_torch(folder: str, own: Outputs) -> dict[str, Any]:
  """Differences to `transformers`' own class, in float32, if it is here."""
  if not all(map(importlib.util.find_spec, ("torch", "transformers"))):
    return {"torch": "not installed, not compared"}
  import torch
  import transformers

  is_lm = own.logits is not None
  kind = (
    transformers.AutoModelForCausalLM
    if is_lm
    else transformers.AutoModelForTokenClassification
  )
  model = kind.from_pretrained(
    folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
  ).eval()
  with torch.no_grad():
    said = model(torch.tensor(own.tokens[None], dtype=torch.long)).logits
  array = said[0].numpy()
  other = Outputs(
    own.tokens, array if is_lm else None, None if is_lm else array
  )
  found = differences(own, other)
  del found["tokens"]
  return {f"torch_{name}": value for name, value in found.items()}
