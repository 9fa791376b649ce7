"""Process supervision from solutions whose final answer can be checked."""
