"""Compiled programs outlive the process that compiled them."""

import pathlib

import jax

DIRECTORY = "programs"
# Below this a program is compiled faster than found.
LEAST_S = 0.5


def keep(workdir: pathlib.Path) -> None:
  """Keeps compiled programs in the workdir, unless the user says where.

  A run that is resumed starts at once, and stages that compile the same
  program compile it once. `JAX_COMPILATION_CACHE_DIR` goes before.
  """
  if jax.config.values["jax_compilation_cache_dir"]:
    return
  jax.config.update("jax_compilation_cache_dir", str(workdir / DIRECTORY))
  jax.config.update("jax_persistent_cache_min_compile_time_secs", LEAST_S)
