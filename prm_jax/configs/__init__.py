"""One run per file: `--config NAME` finds `NAME.py` here.

A file's docstring holds the command, its running time and the number to
expect; `get_config(arg=None)` returns a `ConfigDict`, where `arg` is what
follows the colon in `--config NAME:ARG`. The files import nothing of the
package but one another, so that reading a config costs no JAX.
"""
