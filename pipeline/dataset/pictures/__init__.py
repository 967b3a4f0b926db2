"""The picture files: what MMDetection's loader makes of each, and which it cannot read."""

from pipeline.dataset.pictures.inspect import inspect
from pipeline.dataset.pictures.look import Picture

__all__ = ["Picture", "inspect"]
