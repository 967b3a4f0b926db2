"""The dispatchers at work on this folder: a file each, so that `dispatch --cancel` finds them."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.cells import claims
from pipeline.common.paths import Paths
from pipeline.records import Owner

WAIT = 20.0  # seconds that a dispatcher may need to end its cells


@contextmanager
def registered(paths: Paths) -> Iterator[None]:
    """Be found by `cancel` for the time of the block."""
    path = paths.dispatchers / f"{socket.gethostname()}-{os.getpid()}.json"
    claims.me().write(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def cancel(paths: Paths) -> list[str]:
    """End the dispatchers of this host as Ctrl-C does, wait for them, and name what was done."""
    said, waiting = [], []
    for path in sorted(paths.dispatchers.glob("*.json")):
        owner = Owner.read(path)
        if owner.host != socket.gethostname():
            said.append(f"a dispatcher runs as {owner}: cancel it there")
        elif not claims.runs(owner.pid, owner.born):
            path.unlink(missing_ok=True)  # it was killed
        else:
            os.kill(owner.pid, signal.SIGTERM)
            waiting.append(owner)
    until = time.monotonic() + WAIT
    for owner in waiting:
        while claims.runs(owner.pid, owner.born) and time.monotonic() < until:
            time.sleep(0.1)
        still = claims.runs(owner.pid, owner.born)
        said.append(f"the dispatcher, {owner}, {'does not end' if still else 'has ended, its cells are resumable'}")
    return said
