"""Measurements of policies, verifiers and searches, on the host (numpy)."""
