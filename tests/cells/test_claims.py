"""One owner a cell: the living are respected on any host, the dead are followed by exactly one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pipeline.cells import claims
from pipeline.cells.claims import Claimed, born, claim, me, owner
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


def test_an_owner_on_another_host_counts_by_its_last_touch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "WATCH", 0.1)
    write(tmp_path, 1, host="elsewhere", age=claims.SILENCE - 30)
    with pytest.raises(Claimed, match="process 1 on elsewhere"), claim(tmp_path):
        pass
    write(tmp_path, 1, host="elsewhere", age=claims.SILENCE + 30)
    with claim(tmp_path):
        assert owner(tmp_path) == me()


@pytest.mark.parametrize("step", [3600, -3600], ids=["ahead", "back"])
def test_an_owner_on_another_host_stays_when_the_file_servers_clock_is_set(tmp_path: Path, step: int) -> None:
    """Its last touch seems an hour old, or to come; the next one shows that it lives."""
    path = write(tmp_path, 1, host="elsewhere", age=step)
    threading.Timer(0.2, os.utime, (path,)).start()
    with pytest.raises(Claimed, match="process 1 on elsewhere"), claim(tmp_path):
        pass


def test_a_claim_holds_whose_answer_the_file_server_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.link

    def link(source: Path, target: Path) -> None:
        real(source, target)
        raise FileExistsError  # what the second question is answered

    monkeypatch.setattr(os, "link", link)
    with claim(tmp_path):
        assert owner(tmp_path) == me()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_process_is_known_by_its_birth_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = born(os.getpid())
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert born(os.getpid()) == mine == me().born
    assert mine < time.clock_gettime(time.CLOCK_BOOTTIME)
    assert claims.runs(os.getpid(), mine)
    assert not claims.runs(os.getpid(), mine - 1)
    with pytest.raises(FileNotFoundError):
        born(dead_pid())


# Own a cell, say so, and write into it for ever.
WRITE = """
import sys
from pathlib import Path
from pipeline.cells.claims import claim
from pipeline.cells.run import interruptible
interruptible()
folder = Path(sys.argv[1])
with claim(folder):
    while True:
        (folder / "written").write_text("by the first")
"""


def test_a_stopped_owner_whose_cell_was_taken_over_writes_nothing_when_it_goes_on(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITE, tmp_path], cwd=Path(__file__).parents[2])
    written = tmp_path / "written"
    wait_for(written.exists)
    process.send_signal(signal.SIGSTOP)
    wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    write(tmp_path, 1, host="elsewhere", number=2)
    written.write_text("by the second")
    process.send_signal(signal.SIGCONT)
    assert process.wait() != 0
    assert written.read_text() == "by the second"
    assert "elsewhere" in (tmp_path / "claim.2").read_text()


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
