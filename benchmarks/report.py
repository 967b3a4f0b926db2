"""How long a report takes to render: `python -m benchmarks.report`.

The studies are made up, in the files that `dvc repro evaluate` writes: 11 variants x 3 seeds (at most 20 s) and 200
variants x 5 seeds (at most 120 s), of 5 classes, six example pictures each. The peer of the larger is the smaller, with
a thirtieth of its runs.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from pipeline.report import render
from tests.report import studies


def main() -> None:
    small, large = timed(variants=10, seeds=3), timed(variants=199, seeds=5)
    print(f"11 variants x 3 seeds: {small:.1f} s  (bar: 20 s)")
    print(f"200 variants x 5 seeds: {large:.1f} s  (bar: 120 s)")
    print(f"30 times the runs: {large / small:.1f} times the time")


def timed(variants: int, seeds: int) -> float:
    """Seconds from the evaluation folder to the written report; the baseline comes on top of `variants`."""
    with tempfile.TemporaryDirectory() as folder:
        evaluation = studies.write(Path(folder) / "evaluation", variants, seeds)
        start = time.perf_counter()
        render(evaluation, Path(folder) / "reports")
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
