"""The curve of a cell that trains: its history.csv, read piece by piece, so that a look costs what is new."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.records import history
from pipeline.tracking.content import Identity, Point
from pipeline.tracking.sources import at

WAY_OUT = "take that line out: nothing but curves is made of it"


class LiveCurve:
    """What has been read of one history.csv. `identities` are those of all its points."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.identities: set[Identity] = set()
        self._file, self._end, self._lines = -1, 0, 0

    def look(self) -> tuple[list[Point], bool]:
        """The points added since the last look, and whether these are all points, the file being another one.

        Training that resumes at a checkpoint puts a shorter file in its place. A line that is being written is
        left for later.
        """
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return [], False
        with file:
            stat = os.fstat(file.fileno())
            anew = stat.st_ino != self._file or stat.st_size < self._end
            if anew:
                self._file, self._end, self._lines = stat.st_ino, 0, 0
                self.identities.clear()
            file.seek(self._end)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._end += len(whole) + len(newline)
        lines = whole.decode("utf-8", errors="replace").split("\n") if newline else []
        points = [at(row) for row in history.readings(lines, self.path, WAY_OUT, self._lines + 1)]
        self._lines += len(lines)
        self.identities.update(point.identity for point in points)
        return points, anew
