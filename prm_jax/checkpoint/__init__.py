"""What is kept on disk: training state, data position, finished models."""
