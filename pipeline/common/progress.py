"""Words and lines for a person who waits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from pipeline.common.text import lines

OnProgress = Callable[[int, int], None]  # told how many are done, and of how many


def duration(seconds: float) -> str:
    """Seconds as a person says them: 45s, 3m 20s, 2h 05m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def left(took: Sequence[float], to_go: int, at_once: int = 1) -> float | None:
    """Seconds that `to_go` cells will need, `at_once` of them side by side, if each takes the mean of those done."""
    return sum(took) / len(took) * to_go / at_once if took and to_go else None


def say(text: str) -> None:
    """A line, at once; nothing in it moves the cursor."""
    print(lines(text), flush=True)


def show(what: str, done: int, total: int) -> None:
    """A counter that rewrites itself on a terminal, and says nothing elsewhere but at the end."""
    if sys.stderr.isatty():
        print(f"\r{what} {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done == total:
        print(f"{what} {done}/{total}", file=sys.stderr, flush=True)
