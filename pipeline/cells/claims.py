"""Who trains a cell: one owner a fingerprint, among all hosts that share the folder.

A claim is a file `claim.<n>` in the cell's working folder; the highest n counts. A cell is taken by creating
n + 1, exclusively, where the owner of n has let go or is gone. Numbers only grow and the highest file is never
deleted, so of two that find the same dead owner one wins: no lock service, no deletion to race for.

A living owner touches its file. On the same host it is asked for by its process; on another host by the age of
that touch, both times taken from the file server's clock.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from pipeline.common.errors import UserError
from pipeline.records import Owner

NAME = re.compile(r"claim\.(\d+)")
BEAT, SILENCE = 10.0, 120.0  # seconds between touches; seconds without one after which another host's owner is gone

CLOCK = 60.0  # seconds by which a stepped clock may shift a process's start time


class Claimed(UserError):
    """The cell has an owner that still works."""


def me() -> Owner:
    """This process."""
    return Owner(
        host=socket.gethostname(), pid=os.getpid(), born=psutil.Process().create_time(), job=job_id(os.environ)
    )


def job_id(environ: Mapping[str, str]) -> str | None:
    """The Slurm job that this process belongs to, as squeue names it: 12 or, in an array, 12_3."""
    if "SLURM_ARRAY_JOB_ID" in environ:
        return f"{environ['SLURM_ARRAY_JOB_ID']}_{environ['SLURM_ARRAY_TASK_ID']}"
    return environ.get("SLURM_JOB_ID")


def owner(folder: Path) -> Owner | None:
    """The owner of a cell that still works, if it has one."""
    newest = _newest(folder)
    return _living(newest[1]) if newest else None


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Own the cell of `folder`, where it works, for the time of the block. Raises Claimed where another process does.

    An owner that was silent too long (a suspended machine) and finds the cell taken over ends itself by SIGTERM.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mine = _take(folder)
    over = threading.Event()
    beating = threading.Thread(target=_beat, args=(folder, mine, over), daemon=True)
    beating.start()
    try:
        yield
    finally:
        over.set()
        beating.join()
        with suppress(OSError):  # on a full disk the claim stays; it is void once this process has ended
            mine.write_text("")


def _take(folder: Path) -> Path:
    while True:
        number, newest = _newest(folder) or (0, None)
        holder = _living(newest) if newest else None
        if holder:
            raise Claimed(f"{folder}: this cell is being trained by {holder}; wait for it, or stop it first")
        mine, draft = folder / f"claim.{number + 1}", folder / f".claim.{socket.gethostname()}.{os.getpid()}"
        try:
            me().write(draft)
            os.link(draft, mine)  # exclusive on every file system, and never seen half-written
        except FileExistsError:  # another process was faster: look again who it is
            continue
        finally:
            draft.unlink(missing_ok=True)
        for older in folder.glob("claim.*"):
            if _number(older) < number:  # one dead claim is kept: whoever still reads it must not find it gone
                older.unlink(missing_ok=True)
        return mine


def _beat(folder: Path, mine: Path, over: threading.Event) -> None:
    while not over.wait(BEAT):
        newest = _newest(folder)
        if newest and newest[1] != mine:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        with suppress(OSError):
            os.utime(mine)


def _newest(folder: Path) -> tuple[int, Path] | None:
    try:
        found = [(number, folder / name) for name in os.listdir(folder) if (number := _number(Path(name)))]
    except FileNotFoundError:
        return None
    return max(found, default=None)


def _number(path: Path) -> int:
    match = NAME.fullmatch(path.name)
    return int(match[1]) if match else 0


def _living(path: Path) -> Owner | None:
    """The owner that a claim names, unless it let go (an empty file) or is gone."""
    try:
        holder = Owner.read(path)
    except UserError:  # let go of, deleted meanwhile, or not from this program: it names no owner
        holder = None
    if holder is None:
        return None
    if holder.host == socket.gethostname():
        return holder if runs(holder.pid, holder.born) else None
    return holder if _silent_for(path) < SILENCE else None


def runs(pid: int, born: float | None = None) -> bool:
    """Whether a process of this host is still there, and was started when it says."""
    try:
        process = psutil.Process(pid)
        # A killed process may wait as a zombie for a parent that never asks.
        ended = process.status() == psutil.STATUS_ZOMBIE
        return not ended and (born is None or abs(process.create_time() - born) < CLOCK)
    except psutil.NoSuchProcess:
        return False


def _silent_for(path: Path) -> float:
    """Seconds since a file was touched. A new file beside it tells the file server's time; no two clocks compared."""
    probe = path.with_name(f".now.{socket.gethostname()}.{os.getpid()}")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except OSError:
        return time.time() - path.stat().st_mtime if path.exists() else SILENCE
    finally:
        probe.unlink(missing_ok=True)
