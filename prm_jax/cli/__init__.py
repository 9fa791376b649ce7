"""The command line: flags -> config -> a claimed work directory -> a command.

`prm-jax NAME` runs `prm_jax/cli/NAME.py`, which is imported only then. It has

  DEFAULT_CONFIG: str          config used when `--config` is not given, by
                               name ("quickstart" or "game24:tiny")
  run(config, workdir, flags) -> int
      config: ConfigDict       locked, overrides applied
      workdir: pathlib.Path    exists, writable and locked by this process
      flags: flags.Flags       the plain flags; None where not given
      returns the exit code; raises errors.UserError for the user's mistakes

and may have

  VOLATILE: tuple[str, ...]    what a later run in the same work directory may
                               change, e.g. ("config.train.num_steps",
                               "flags.input"); a group stands for all in it
  CLAIMS_WORKDIR: bool         False: the work directory may belong to another
                               command (`report` reads and adds to it)

and a line in `main.COMMANDS`.
"""
