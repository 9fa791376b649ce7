"""Records on disk, examples in memory, batches for training."""
