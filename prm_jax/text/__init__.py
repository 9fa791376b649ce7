"""Text on the host: tokenizers and the steps of a solution. No jax."""
