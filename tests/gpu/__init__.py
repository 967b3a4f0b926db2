"""What only a GPU proves. The checks themselves take a device, so that each also runs on a CPU in the fast suite."""
