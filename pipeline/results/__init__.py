"""The folder data/evaluation: one writer, one reader."""
