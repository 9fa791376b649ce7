"""One HTML page from a work directory, and from others beside it.

prm-jax report --workdir DIR [--config.workdirs="('OTHER', 'THIRD')"]
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
  c = ml_collections.ConfigDict()
  c.title = "prm_jax report"
  c.workdirs = ()
  return c
