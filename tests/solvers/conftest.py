"""Programs of these tests run once: compiling them is what takes the time."""

import jax
import pytest


@pytest.fixture(autouse=True, scope="module")
def _compile_fast():
  before = jax.config.read("jax_disable_most_optimizations")
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", before)
