"""Faults that tests make: a disk that fails, another host's name, a clock that is set, a limit of memory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.common.files import write_text

CGROUPS = Path("/sys/fs/cgroup/memory")  # the first version's; the second needs a manager's leave


def preloaded(name: str, folder: Path) -> Path:
    """disk.c or clock.c, compiled into `folder`."""
    library = folder / f"{name}.so"
    source = Path(__file__).with_name(f"{name}.c")
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
        self.file, self.library = folder / "clock", preloaded("clock", folder)
        self.set(0)

    def set(self, ahead: int) -> None:
        write_text(self.file, str(ahead))

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "CLOCK": str(self.file)}


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
