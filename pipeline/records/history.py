"""history.csv: what a cell's training says of itself, step by step; one form for its writer and its readers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.common.errors import UserError
from pipeline.common.text import plain

SHOWN = 60  # characters of a wrong line that a message repeats
MOST = 2**40  # no training has so many steps, and no clock stands so high


class Reading(NamedTuple):
    """One value. `step` is the number of iterations done, `time` unix seconds; `value` may be NaN or infinite."""

    epoch: int
    step: int
    time: float
    metric: str
    value: float


HEADER = Reading._fields


def read(path: Path, way_out: str) -> Iterator[Reading]:
    """The rows of a history that is whole. Raises UserError where it is missing or damaged."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from readings(file, path, way_out)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; {way_out}") from None


def readings(lines: Iterable[str], path: Path, way_out: str, first: int = 1) -> Iterator[Reading]:
    """What lines of the file `path` say, the `first` of them counted from 1, which is the header.

    Raises UserError with file and line; `way_out` is what to do then.
    """
    for number, line in enumerate(lines, first):
        found = reading(line)
        if found and number > 1:
            yield found
        elif number > 1 or line.strip() != ",".join(HEADER):
            shown = plain(line.strip()[:SHOWN])
            raise UserError(f"{path}: line {number} is {shown!r}, expected {','.join(HEADER)}; {way_out}")


def reading(line: str) -> Reading | None:
    """What a line says; None where it is not as this project writes it."""
    try:
        epoch, step, time, metric, value = line.strip().split(",")
        found = Reading(int(epoch), int(step), float(time), metric, float(value))
    except ValueError:
        return None
    sound = found.metric and all(0 <= number < MOST for number in (found.epoch, found.step, found.time))
    return found if sound else None
