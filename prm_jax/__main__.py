"""`python -m prm_jax COMMAND` is the same as `prm-jax COMMAND`."""

import sys

from prm_jax.cli import main

if __name__ == "__main__":
  sys.exit(main.main())
