"""Many cells at once, and ending them."""

from __future__ import annotations

import os

from pipeline import dispatch as room
from pipeline.common.paths import Paths
from pipeline.common.progress import say
from pipeline.study import load_complete
from pipeline.study.cluster import EngineName


def dispatch(paths: Paths, engine: EngineName, jobs: int | None, device: str | None, watch: bool) -> int:
    """All unfinished cells at once; how many failed. `device` as in CUDA_VISIBLE_DEVICES."""
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    return room.dispatch(load_complete(paths.params), paths, engine, jobs, watch)


def cancel(paths: Paths) -> None:
    say("\n".join(room.cancel(load_complete(paths.params), paths)) or "nothing of this study runs")
