"""The report a reviewer signs, built from the folder data/evaluation alone: the same inputs, the same bytes."""

from pipeline.report.publish import compare, render

__all__ = ["compare", "render"]
