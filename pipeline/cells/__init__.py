"""One cell's life on disk: run, state, claims, failures, several processes."""
