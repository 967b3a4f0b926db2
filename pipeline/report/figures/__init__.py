"""One file a kind of figure; each is a frozen value that knows how to draw itself."""
