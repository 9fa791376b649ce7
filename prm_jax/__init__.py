"""Process reward models, value models and verifier-guided search in JAX."""
