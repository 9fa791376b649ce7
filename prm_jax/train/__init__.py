"""One training loop: records x objective x model, on any mesh."""
