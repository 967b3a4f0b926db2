"""Every config that MMDetection ships, tried: what a study can do with it (docs/detectors.md)."""
