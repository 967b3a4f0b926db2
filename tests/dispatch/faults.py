"""Faults that tests make: a disk that fails, another host's name, a clock that is set, a limit of memory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
CGROUPS = Path("/sys/fs/cgroup/memory")  # the first version's; the second needs a manager's leave


def disk(folder: Path) -> Path:
    """disk.c, compiled."""
    library = folder / "disk.so"
    source = Path(__file__).with_name("disk.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library


def as_host(name: str) -> list[str]:
    """The words before a command that is to run under another host name."""
    words = ["unshare", "--uts", "sh", "-c", f'hostname {name}; exec "$@"', "sh"]
    if subprocess.run([*words, "true"], capture_output=True).returncode:
        pytest.skip("no other host name can be given here")
    return words


class Clock:
    """The time of day of the processes that are started with `environment`: may be set while they run."""

    def __init__(self, folder: Path) -> None:
        if not FAKETIME.exists():
            pytest.skip("libfaketime is missing: apt-get install libfaketime")
        self.file = folder / "clock"
        self.set("+0")

    def set(self, offset: str) -> None:
        self.file.write_text(offset)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
        }  # fmt: skip


class Memory:
    """A group of processes that the kernel kills when they take more than `limit` bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def limit(self, size: int) -> None:
        (self.folder / "memory.limit_in_bytes").write_text(str(size))

    def add(self, pid: int) -> None:
        (self.folder / "cgroup.procs").write_text(str(pid))

    @property
    def killed(self) -> int:
        words = (self.folder / "memory.oom_control").read_text().split()
        return int(words[words.index("oom_kill") + 1])


@contextmanager
def memory_group() -> Iterator[Memory]:
    """A group below that of this process."""
    mine = [line.split(":")[2] for line in Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in line]
    folder = CGROUPS / mine[0].lstrip("/") / f"ablation-{os.getpid()}" if mine else CGROUPS / "-"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no group of memory can be made here: {error}")
    try:
        yield Memory(folder)
    finally:
        folder.rmdir()
