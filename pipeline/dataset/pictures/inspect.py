"""All picture files of a data set, read, hashed and decoded once, on all cores."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from pipeline.common.machine import cores
from pipeline.common.progress import duration
from pipeline.dataset.names import ALLOW, LINK, other_spelling
from pipeline.dataset.pictures.known import Known
from pipeline.dataset.pictures.look import BARRED, Picture, look, sha256

MISSING = "missing"
EVERY = 10.0  # seconds between two lines of progress
AHEAD = 64  # pictures in work at once; more would only hold memory


def inspect(files: Iterable[tuple[Path, Path]], cache: Path, outside_allowed: bool) -> dict[Path, Picture]:
    """What the loader makes of each file, given as (image folder, path). Files known in `cache` are not read again.

    Links that leave their image folder are not followed, unless allowed; special files are never opened.
    """
    jobs = dict.fromkeys(files)
    known = Known(cache)
    found: dict[Path, Picture] = {}
    with _silent_decoders(), ThreadPoolExecutor(cores()) as pool:
        unread: list[tuple[Path, os.stat_result]] = []
        homes: dict[Path, bool] = {}
        for root, path in jobs:
            status = _status(root, path, outside_allowed, homes)
            if isinstance(status, Picture):
                found[path] = status
                continue
            picture = known.unchanged(path, status.st_size, status.st_mtime_ns)
            if picture is None:
                unread.append((path, status))
            else:
                found[path] = picture
        for (path, status), picture in _progress(unread, pool, known):
            found[path] = picture
            if picture.digest:
                known.note(path, status.st_size, status.st_mtime_ns, picture)
    if unread:
        known.save()
    return {path: found[path] for _, path in jobs}


def _progress(
    unread: list[tuple[Path, os.stat_result]], pool: ThreadPoolExecutor, known: Known
) -> Iterator[tuple[tuple[Path, os.stat_result], Picture]]:
    """The pictures in order; every ten seconds a line says how many there are and how long the rest will take."""
    start = last = time.monotonic()
    for first in range(0, len(unread), AHEAD):
        chunk = unread[first : first + AHEAD]
        yield from zip(chunk, pool.map(lambda job: _read(job[0], known), chunk), strict=True)
        now = time.monotonic()
        done = first + len(chunk)
        if now - last > EVERY and done < len(unread):
            last = now
            left = duration((now - start) / done * (len(unread) - done))
            print(f"pictures {done:,} of {len(unread):,}, about {left} left", file=sys.stdout, flush=True)


def _read(path: Path, known: Known) -> Picture:
    try:
        content = path.read_bytes()
    except OSError as error:
        return Picture("", MISSING, problem=f"cannot be read: {error.strerror}")
    digest = sha256(content)
    return known.of_content(digest) or look(content, digest)


def _status(root: Path, path: Path, outside_allowed: bool, homes: dict[Path, bool]) -> os.stat_result | Picture:
    """The file's status, or what is said instead. `homes` remembers which folders stay below their root."""
    try:
        status = os.lstat(path)
        if not outside_allowed:
            if path.parent not in homes:
                homes[path.parent] = Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(root))
            stays = homes[path.parent]
            if stays and stat.S_ISLNK(status.st_mode):
                stays = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
            if not stays:
                return Picture("", BARRED, problem=f"is {LINK}; {ALLOW}")
        status = os.stat(path)
    except FileNotFoundError:
        other = other_spelling(path)
        if other:
            return Picture("", BARRED, problem=f"no such file; on disk it is {other}: the name differs in case only")
        return Picture("", MISSING, problem="no such file")
    except OSError as error:
        return Picture("", MISSING, problem=f"cannot be read: {error.strerror}")
    if not stat.S_ISREG(status.st_mode):
        return Picture("", BARRED, problem="is not a file: a folder, a device or a pipe")
    return status


@contextmanager
def _silent_decoders() -> Iterator[None]:
    """OpenCV's decoders write about damaged files to the error stream by themselves; we say it in our words."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
