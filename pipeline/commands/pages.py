"""MLflow's pages over the study, and showing cells in them while they train."""

from __future__ import annotations

from pipeline import tracking
from pipeline.common.paths import Paths
from pipeline.common.progress import say


def ui(paths: Paths, port: int) -> None:
    tracking.serve(paths, port)


def watch(paths: Paths, interval: float) -> None:
    """Every `interval` seconds, until Ctrl-C."""
    say("showing running cells in MLflow; Ctrl-C stops the showing, not the training")
    tracking.watch(paths, interval=interval)
