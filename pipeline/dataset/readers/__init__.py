"""One file a format; each gives `Annotations`, and nothing after the reader knows which format it was."""
