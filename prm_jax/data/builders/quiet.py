"""TFDS without its words about downloads, which there are none of."""

import contextlib
import io
from collections.abc import Iterator

import tensorflow_datasets as tfds
from absl import logging


@contextlib.contextmanager
def quiet() -> Iterator[None]:
  """No progress bars, nothing on standard output, errors alone in the log."""
  tfds.disable_progress_bar()
  verbosity = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)
  try:
    with contextlib.redirect_stdout(io.StringIO()):
      yield
  finally:
    logging.set_verbosity(verbosity)
