"""What GPUs draw while something runs on them, where their driver tells it."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

from pipeline.common.errors import UserError
from pipeline.dispatch import nvidia

EVERY = 1.0  # seconds between two looks
Sample = tuple[float, float]  # unix time, watts of one GPU


@contextmanager
def watched_power(gpus: Collection[str]) -> Iterator[list[Sample]]:
    """Samples of the draw of each of `gpus` (indices) during the block; none where the driver does not tell."""
    samples: list[Sample] = []
    over = threading.Event()

    def look() -> None:
        while gpus and not over.is_set():
            try:
                rows = nvidia.query("index", "power.draw")
            except UserError:
                return
            told = [nvidia.number(row["power.draw"]) for row in rows if row["index"] in gpus]
            samples.extend((time.time(), watts) for watts in told if watts is not None)
            over.wait(EVERY)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def mean_watts(samples: Iterable[Sample], spans: Sequence[tuple[float, float]]) -> float | None:
    """The mean of the samples within any of `spans` (begin and end); None without one."""
    inside = [watts for at, watts in samples if any(begin <= at <= end for begin, end in spans)]
    return statistics.fmean(inside) if inside else None
