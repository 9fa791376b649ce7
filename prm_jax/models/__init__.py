"""Flax linen models: one transformer, small heads, caches as plain pytrees."""
