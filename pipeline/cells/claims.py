"""Who trains a cell: one owner a fingerprint, among all hosts that share the folder.

A claim is a file `claim.<n>` in the cell's working folder; the highest n counts. A cell is taken by creating
n + 1, exclusively, where the owner of n has let go or is gone. Numbers only grow and the highest file is never
deleted, so of two that find the same dead owner one wins: no lock service, no deletion to race for.

A living owner touches its file. On the same host it is asked for by its process; on another host by the age of
that touch, both times taken from the file server's clock. Since that clock may be set while a cell trains, whoever
takes over an owner that seems silent first watches its file for longer than it leaves between two touches.
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
from types import FrameType

import psutil

from pipeline.common.errors import UserError
from pipeline.records import Owner

NAME = re.compile(r"claim\.(\d+)")
BEAT, SILENCE = 10.0, 120.0  # seconds between touches; seconds without one after which another host's owner is gone
WATCH = 3 * BEAT  # seconds for which a claim is watched before its owner is taken for gone
TICK = 0.02  # seconds; two readings of a process's start agree by more


class Claimed(UserError):
    """The cell has an owner that still works."""


def me() -> Owner:
    """This process."""
    return Owner(host=socket.gethostname(), pid=os.getpid(), born=born(os.getpid()), job=job_id(os.environ))


def born(pid: int) -> float:
    """Seconds from the start of this machine to that of a process: unlike its time of day, no clock that is set
    shifts it. Raises OSError where there is no such process.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")  # proc(5): starttime, the 22nd field, the 20th after the name


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

    An owner that was silent too long (a suspended machine) and finds the cell taken over ends itself by SIGTERM; one
    that was stopped looks for that before anything else when it goes on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mine = _take(folder)
    over = threading.Event()
    beating = threading.Thread(target=_beat, args=(folder, mine, over), daemon=True)
    beating.start()
    try:
        with _awake(folder, mine):
            yield
    finally:
        over.set()
        beating.join()
        if not _lost(folder, mine):
            with suppress(OSError):  # on a full disk the claim stays; it is void once this process has ended
                mine.write_text("")


def _take(folder: Path) -> Path:
    while True:
        number, newest = _newest(folder) or (0, None)
        holder = _living(newest, watch=True) if newest else None
        if holder:
            raise Claimed(f"{folder}: this cell is being trained by {holder}; wait for it, or stop it first")
        mine, draft = folder / f"claim.{number + 1}", folder / f".claim.{socket.gethostname()}.{os.getpid()}"
        try:
            me().write(draft)
            os.link(draft, mine)  # exclusive on every file system, and never seen half-written
        except FileExistsError:
            if draft.stat().st_nlink == 1:  # another process was faster: look again who it is
                continue
            # else it is ours: only the file server's answer was lost, and the question asked again (open(2))
        finally:
            draft.unlink(missing_ok=True)
        for older in folder.glob("claim.*"):
            if _number(older) < number:  # one dead claim is kept: whoever still reads it must not find it gone
                older.unlink(missing_ok=True)
        return mine


def _beat(folder: Path, mine: Path, over: threading.Event) -> None:
    while not over.wait(BEAT):
        if _lost(folder, mine):
            os.kill(os.getpid(), signal.SIGTERM)
            return
        with suppress(OSError):
            os.utime(mine)


@contextmanager
def _awake(folder: Path, mine: Path) -> Iterator[None]:
    """For the time of the block, a process that was stopped and goes on (SIGCONT) first asks whose the cell is."""

    def look(number: int, frame: FrameType | None) -> None:
        if _lost(folder, mine):
            os.kill(os.getpid(), signal.SIGTERM)

    if threading.current_thread() is not threading.main_thread():  # only the main thread may set signals
        yield
        return
    before = signal.signal(signal.SIGCONT, look)
    try:
        yield
    finally:
        signal.signal(signal.SIGCONT, before)


def _lost(folder: Path, mine: Path) -> bool:
    newest = _newest(folder)
    return newest is not None and newest[1] != mine


def _newest(folder: Path) -> tuple[int, Path] | None:
    try:
        found = [(number, folder / name) for name in os.listdir(folder) if (number := _number(Path(name)))]
    except FileNotFoundError:
        return None
    return max(found, default=None)


def _number(path: Path) -> int:
    match = NAME.fullmatch(path.name)
    return int(match[1]) if match else 0


def _living(path: Path, watch: bool = False) -> Owner | None:
    """The owner that a claim names, unless it let go (an empty file) or is gone; with `watch` one that only seems
    silent is told from one that is.
    """
    try:
        holder = Owner.read(path)
    except UserError:  # let go of, deleted meanwhile, or not from this program: it names no owner
        holder = None
    if holder is None:
        return None
    if holder.host == socket.gethostname():
        return holder if runs(holder.pid, holder.born) else None
    living = 0 <= _silent_for(path) < SILENCE or (watch and _is_touched(path))
    return holder if living else None


def _is_touched(path: Path) -> bool:
    """Whether a claim's owner touches it while it is watched."""
    touched, end = path.stat().st_mtime_ns, time.monotonic() + WATCH
    while time.monotonic() < end:
        if path.stat().st_mtime_ns != touched:
            return True
        time.sleep(WATCH / 100)
    return False


def runs(pid: int, since: float | None = None) -> bool:
    """Whether a process of this host is still there, and is the one that was born at `since`."""
    try:
        # A killed process may wait as a zombie for a parent that never asks.
        ended = psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        return not ended and (since is None or abs(born(pid) - since) < TICK)
    except (psutil.NoSuchProcess, OSError):
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
