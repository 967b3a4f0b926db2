"""Importing this registers everything a plan's config names (its `custom_imports`), and mends MMDetection."""

import pipeline.detector.checkpoints
import pipeline.detector.history
import pipeline.detector.loader
import pipeline.detector.memory_format
import pipeline.detector.mended
import pipeline.detector.optimizer
import pipeline.detector.placement
import pipeline.detector.predict
import pipeline.detector.randomness
import pipeline.detector.resampled
import pipeline.detector.shared_draws  # noqa: F401
