"""What every room may use: errors, paths, files, the machine, words for a person who waits."""
