"""Models write and score steps: text-free, on the accelerator."""
