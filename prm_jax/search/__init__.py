"""Verifier-guided search: pure functions over callables.

An algorithm sees scores and an opaque batched embedding, never a model, a
tokenizer or a config. `base` holds the contract, one file per algorithm.
"""
