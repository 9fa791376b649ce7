"""Tasks with exact verifiers, step oracles and disjoint splits. No jax."""
