"""One owner a cell: the living are respected on any host, the dead are followed by exactly one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pipeline.cells import claims
from pipeline.cells.claims import Claimed, claim, me, owner
from pipeline.records import Owner
from tests.conftest import wait_for

# Wait for the others, try, say how it went; who wins keeps the cell until all have tried.
TAKE = """
import sys, time
from pathlib import Path
from pipeline.cells.claims import Claimed, claim
folder, words, me, all = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
def say(word):
    (words / f"{word}.{me}").touch()
    while len(list(words.glob(f"{word}.*"))) < all:
        time.sleep(0.001)
say("ready")
try:
    with claim(folder):
        (words / f"owner.{me}").touch()
        say("tried")
except Claimed:
    say("tried")
"""


def write(folder: Path, pid: int, host: str | None = None, number: int = 1, age: float = 0.0) -> Path:
    path = folder / f"claim.{number}"
    Owner(host=host or socket.gethostname(), pid=pid, born=time.time()).write(path)
    os.utime(path, (time.time() - age,) * 2)
    return path


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@contextmanager
def zombie() -> Iterator[int]:
    """A process that has ended and that nobody has asked about."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    yield process.pid
    process.wait()


def test_an_owner_is_seen_while_it_lives_and_lets_go(tmp_path: Path) -> None:
    assert owner(tmp_path / "nothing yet") is None
    with claim(tmp_path):
        assert owner(tmp_path) == me()
        with (
            pytest.raises(Claimed, match=f"being trained by process {os.getpid()} on {socket.gethostname()}"),
            claim(tmp_path),
        ):
            pass
        assert owner(tmp_path) == me()
    assert owner(tmp_path) is None
    with claim(tmp_path):
        assert owner(tmp_path)
    assert len(list(tmp_path.iterdir())) <= 2  # claims do not pile up


def test_a_dead_owner_of_this_host_is_followed_at_once(tmp_path: Path) -> None:
    write(tmp_path, dead_pid())
    with claim(tmp_path):
        assert owner(tmp_path) == me()
    with zombie() as pid:
        write(tmp_path, pid, number=7)
        assert owner(tmp_path) is None
    Owner(host=socket.gethostname(), pid=os.getpid(), born=0.0).write(write(tmp_path, os.getpid(), number=8))
    assert owner(tmp_path) is None  # the pid is another process's by now


def test_an_owner_on_another_host_counts_by_its_last_touch(tmp_path: Path) -> None:
    write(tmp_path, 1, host="elsewhere", age=claims.SILENCE - 30)
    with pytest.raises(Claimed, match="process 1 on elsewhere"), claim(tmp_path):
        pass
    write(tmp_path, 1, host="elsewhere", age=claims.SILENCE + 30)
    with claim(tmp_path):
        assert owner(tmp_path) == me()


def test_a_living_owner_touches_its_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "BEAT", 0.05)
    with claim(tmp_path):
        path = tmp_path / "claim.1"
        os.utime(path, (0, 0))
        wait_for(lambda: path.stat().st_mtime > 0)


def test_an_owner_that_was_thought_dead_ends_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "BEAT", 0.05)
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        with claim(tmp_path):
            write(tmp_path, 1, host="elsewhere", number=2)
            wait_for(lambda: received)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == [signal.SIGTERM]
    assert "elsewhere" in (tmp_path / "claim.2").read_text()  # the new owner's claim stands


@pytest.mark.parametrize("dead", [False, True], ids=["a new cell", "a dead owner's cell"])
def test_of_many_at_once_one_wins(tmp_path: Path, dead: bool) -> None:
    if dead:
        write(tmp_path, dead_pid(), number=3)
    words = tmp_path / "words"
    words.mkdir()
    processes = [
        subprocess.Popen([sys.executable, "-c", TAKE, tmp_path, words, str(i), "8"], cwd=Path(__file__).parents[2])
        for i in range(8)
    ]
    for process in processes:
        assert process.wait() == 0
    assert len(list(words.glob("owner.*"))) == 1


def test_the_job_of_an_owner_is_named() -> None:
    assert claims.job_id({"SLURM_JOB_ID": "12"}) == "12"
    assert claims.job_id({"SLURM_JOB_ID": "14", "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "3"}) == "12_3"
    assert claims.job_id({}) is None
