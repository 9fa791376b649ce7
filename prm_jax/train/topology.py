"""Which processes and devices there are; the one place that asks."""

import dataclasses
import os
from collections.abc import Mapping

import jax

# Set by the launchers whose clusters `jax.distributed` can find by itself,
# with the number of processes where it is told.
_COUNTS = ("SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE")
_HOST_LISTS = ("TPU_WORKER_HOSTNAMES", "TPU_PROCESS_ADDRESSES")
_COORDINATORS = ("JAX_COORDINATOR_ADDRESS", "MEGASCALE_COORDINATOR_ADDRESS")

# Dense bf16 FLOP/s of one device, from the makers' data sheets; the first
# entry that starts the device's name counts.
_PEAK_FLOPS = (
  ("NVIDIA B200", 2.25e15),
  ("NVIDIA H200", 989e12),
  ("NVIDIA H100 PCIe", 756e12),
  ("NVIDIA H100", 989e12),
  ("NVIDIA A100", 312e12),
  ("NVIDIA L4", 121e12),
  ("Tesla T4", 65e12),
  ("TPU v6 lite", 918e12),
  ("TPU v5 lite", 197e12),
  ("TPU v5", 459e12),
  ("TPU v4", 275e12),
)


@dataclasses.dataclass(frozen=True)
class Topology:
  """This process among all of them."""

  process_index: int
  process_count: int
  device_count: int
  device_kind: str

  @property
  def is_primary(self) -> bool:
    """Whether this process writes what is written once."""
    return self.process_index == 0


def has_cluster(environ: Mapping[str, str]) -> bool:
  """Whether the environment names a cluster of several processes."""
  return (
    any(environ.get(name) for name in _COORDINATORS)
    or any(int(environ.get(name) or 1) > 1 for name in _COUNTS)
    or any("," in environ.get(name, "") for name in _HOST_LISTS)
  )


def start() -> Topology:
  """Joins the cluster, if there is one. Call before anything uses a device.

  `JAX_COORDINATOR_ADDRESS` with `JAX_NUM_PROCESSES` and `JAX_PROCESS_ID`
  describes one by hand; Slurm, Open MPI and TPU pods are found by JAX.
  Harmless on a single machine, and when called twice.
  """
  if has_cluster(os.environ) and not jax.distributed.is_initialized():
    count = os.environ.get("JAX_NUM_PROCESSES")
    index = os.environ.get("JAX_PROCESS_ID")
    jax.distributed.initialize(
      num_processes=int(count) if count else None,
      process_id=int(index) if index else None,
    )
  return here()


def here() -> Topology:
  """The topology as it is now."""
  return Topology(
    process_index=jax.process_index(),
    process_count=jax.process_count(),
    device_count=jax.device_count(),
    device_kind=jax.devices()[0].device_kind,
  )


def peak_flops(device_kind: str) -> float | None:
  """Dense bf16 FLOP/s of a device, None where it is not known (CPUs)."""
  for name, flops in _PEAK_FLOPS:
    if device_kind.startswith(name):
      return flops
  return None
