"""What every objective needs, and its loss, one file per kind of example."""
