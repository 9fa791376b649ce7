"""From the files of a benchmark to its numbers.

A benchmark is a frozen dataclass of options with a method `measure`; what it
computes on arrays stands in `prm_jax.eval`, one file per protocol. `registry`
knows them by name.
"""
