"""Search methods as configs: one frozen dataclass each, by family."""
