"""What a tree of arrays is: paths, shapes, types and bytes."""

from collections.abc import Mapping
from typing import Any

import jax

from prm_jax import errors


def leaves(state: Any) -> dict[str, list[Any]]:
  """Path -> [shape, dtype] of every array, in the order of the tree."""
  found = jax.tree_util.tree_flatten_with_path(state)[0]
  return {
    jax.tree_util.keystr(path, simple=True, separator="/"): [
      list(leaf.shape),
      str(leaf.dtype),
    ]
    for path, leaf in found
  }


def num_bytes(state: Any) -> int:
  """Bytes that this process may write: its shards, without compression."""
  return sum(
    sum(shard.data.nbytes for shard in leaf.addressable_shards)
    if isinstance(leaf, jax.Array)
    else leaf.nbytes
    for leaf in jax.tree.leaves(state)
  )


class OtherModelError(errors.UserError):
  """The checkpoint can be read, but belongs to another model."""


def check_same(
  saved: Mapping[str, Any], wanted: Mapping[str, Any], where: str
) -> None:
  """Raises OtherModelError that names `where` and the first difference."""
  for path in [*wanted, *saved]:
    if saved.get(path) == wanted.get(path):
      continue
    tell = [
      f"{x[path][1]} {tuple(x[path][0])}" if path in x else "absent"
      for x in (saved, wanted)
    ]
    raise OtherModelError(
      f"{where}: checkpoint of another model or optimiser: {path} is "
      f"{tell[0]} there, {tell[1]} here"
    )
