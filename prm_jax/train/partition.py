"""From logical axis names to the mesh: one rule list, one place.

Parameters name their axes where they are initialised
(`nn.with_logical_partitioning`), activations by `nn.with_logical_constraint`;
only this module knows which mesh axis a name is split over.
"""

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import optax
from flax import linen as nn
from flax.core import meta
from jax.sharding import (
  AbstractMesh,
  AxisType,
  Mesh,
  NamedSharding,
  PartitionSpec,
)

from prm_jax import errors

MESH_AXES = ("data", "fsdp", "tensor")
BATCH_AXES = ("data", "fsdp")

# (logical axis, mesh axis). None: never split. An earlier rule takes a mesh
# axis first, so in activations `batch` has `fsdp` and `embed` stays whole.
RULES: tuple[tuple[str, str | tuple[str, ...] | None], ...] = (
  ("batch", BATCH_AXES),
  ("length", None),
  ("vocab", "tensor"),
  ("heads", "tensor"),
  ("kv_heads", "tensor"),
  ("mlp", "tensor"),
  ("embed", "fsdp"),
  ("head_dim", None),
  ("layers", None),
  ("classes", None),
)


@dataclasses.dataclass(frozen=True)
class MeshConfig:
  """Devices per mesh axis; one of them may be -1 (all that are left)."""

  data: int = -1
  fsdp: int = 1
  tensor: int = 1


def make_mesh(
  config: MeshConfig | None = None, devices: Any | None = None
) -> Mesh:
  """The (`data`, `fsdp`, `tensor`) mesh over all devices, or those given.

  Raises:
    UserError: the sizes do not multiply to the number of devices.
  """
  config = config or MeshConfig()
  devices = list(jax.devices()) if devices is None else list(devices)
  sizes = [getattr(config, axis) for axis in MESH_AXES]
  known = math.prod(size for size in sizes if size != -1)
  if sizes.count(-1) > 1 or any(size < 1 and size != -1 for size in sizes):
    raise errors.UserError(
      f"mesh {_show(sizes)}: sizes must be positive, at most one of them -1"
    )
  if -1 in sizes and len(devices) % known == 0:
    sizes[sizes.index(-1)] = len(devices) // known
  if math.prod(sizes) != len(devices):
    raise errors.UserError(
      f"mesh {_show(sizes)} does not fit {len(devices)} device(s)"
    )
  return jax.make_mesh(
    tuple(sizes),
    MESH_AXES,
    axis_types=(AxisType.Auto,) * len(MESH_AXES),
    devices=devices,
  )


def _show(sizes: list[int]) -> str:
  return ", ".join(f"{a}={n}" for a, n in zip(MESH_AXES, sizes, strict=True))


def spec_of(
  names: tuple[str | None, ...],
  shape: tuple[int, ...],
  mesh: Mesh | AbstractMesh,
) -> PartitionSpec:
  """Mesh axes of one parameter.

  A dimension that its mesh axis does not divide (a vocabulary of 37 on two
  devices, 2 key-value heads on four) stays whole on every device.

  Raises:
    ValueError: a name without a rule, or two axes on one mesh axis.
  """
  rules = dict(RULES)
  taken: dict[str, str] = {}
  axes: list[str | tuple[str, ...] | None] = []
  for name, size in zip(names, shape, strict=True):
    if name is not None and name not in rules:
      raise ValueError(f"logical axis {name!r} of {names} has no rule")
    target = rules[name] if name is not None else None
    parts = (target,) if isinstance(target, str) else (target or ())
    for part in parts:
      if part in taken:
        raise ValueError(
          f"{names}: {taken[part]!r} and {name!r} are both split over {part!r}"
        )
      taken[part] = str(name)
    whole = size % math.prod(mesh.shape[part] for part in parts) != 0
    axes.append(None if whole else target)
  return PartitionSpec(*axes)


def shardings_of(abstract: Any, mesh: Mesh) -> Any:
  """Shardings of a state whose parameters still carry their axis names.

  Args:
    abstract: result of `jax.eval_shape`, boxed by the initialisers. A leaf
      without names is replicated.

  Returns:
    The tree without boxes, a NamedSharding at each leaf.
  """

  def leaf(path: Any, value: Any) -> Any:
    if not isinstance(value, meta.Partitioned):
      return NamedSharding(mesh, PartitionSpec())
    if isinstance(value.value, optax.MaskedNode):  # another optimiser's part
      return value.value
    try:
      spec = spec_of(tuple(value.names), value.value.shape, mesh)
    except ValueError as error:
      raise ValueError(f"{jax.tree_util.keystr(path)}: {error}") from error
    return NamedSharding(mesh, spec)

  return jax.tree_util.tree_map_with_path(
    leaf, abstract, is_leaf=lambda x: isinstance(x, meta.AxisMetadata)
  )


def batch_sharding(mesh: Mesh) -> NamedSharding:
  """Rows of a batch are split over `data` and `fsdp`."""
  return NamedSharding(mesh, PartitionSpec(BATCH_AXES))


def replicated(mesh: Mesh) -> NamedSharding:
  """The whole array on every device."""
  return NamedSharding(mesh, PartitionSpec())


def sharded_init(
  init_fn: Callable[..., Any], mesh: Mesh, *args: Any
) -> tuple[Any, Callable[[], Any]]:
  """Prepares `init_fn(*args)` so that no device ever holds all of it.

  Args:
    init_fn: its result may carry the boxes of the initialisers.

  Returns:
    ShapeDtypeStructs with shardings, without boxes, and a function that
    computes the arrays they describe.
  """
  boxed = jax.eval_shape(init_fn, *args)
  shardings = shardings_of(boxed, mesh)
  abstract = jax.tree.map(
    lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
    meta.unbox(boxed),
    shardings,
  )
  compute = jax.jit(
    lambda *xs: meta.unbox(init_fn(*xs)), out_shardings=shardings
  )
  return abstract, functools.partial(compute, *args)


@contextlib.contextmanager
def activation_rules(mesh: Mesh) -> Iterator[None]:
  """Gives `nn.with_logical_constraint` its meaning while a step is traced."""
  with (
    jax.sharding.use_abstract_mesh(mesh.abstract_mesh),
    nn.logical_axis_rules(RULES),
  ):
    yield


def put_batch(batch: Any, sharding: NamedSharding) -> Any:
  """Sends this process's rows of a batch to its devices.

  Args:
    batch: pytree of numpy arrays [b, ...]; b counts this process's rows.

  Raises:
    UserError: the devices do not divide the rows.
  """
  parts = math.prod(sharding.mesh.shape[axis] for axis in BATCH_AXES)
  rows = np.shape(jax.tree.leaves(batch)[0])[0] * jax.process_count()
  if rows % parts:
    raise errors.UserError(
      f"batch of {rows} rows cannot be split over {parts} devices (data x fsdp)"
    )
  if jax.process_count() == 1:
    return jax.device_put(batch, sharding)
  return jax.tree.map(
    lambda x: jax.make_array_from_process_local_data(sharding, x), batch
  )
