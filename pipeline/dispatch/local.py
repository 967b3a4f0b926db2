"""Cells on this machine, each in a process of its own with its share of cores or a GPU."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from pipeline.common.paths import CellPaths, Paths
from pipeline.dispatch.devices import Slot
from pipeline.dispatch.ends import End, How
from pipeline.dispatch.tasks import Task

GRACE = 8.0  # seconds a cell has to end by itself
PRELOADED = ["pipeline.cells.run", "pipeline.detector.train"]


class Local:
    """Runs cells as processes; `find` is asked for slots again as cells end, since the first
    ones show how much GPU memory a cell needs.

    On a CPU the processes are forked from one that has imported torch and MMDetection already, which saves each cell
    the seconds of doing so. A GPU's driver does not survive a fork: there each imports for itself.
    """

    def __init__(self, find: Callable[[], Sequence[Slot]], device: str, paths: Paths) -> None:
        self.find, self.slots, self.paths = find, find(), paths
        self.context: ForkServerContext | SpawnContext
        if device == "cpu":
            self.context = multiprocessing.get_context("forkserver")
            self.context.set_forkserver_preload(PRELOADED)
        else:
            self.context = multiprocessing.get_context("spawn")
        self.running: dict[str, tuple[BaseProcess, Slot]] = {}

    def free_slots(self) -> int:
        return len(self._free())

    def _free(self) -> list[Slot]:
        free = list(self.slots)
        for _, slot in self.running.values():
            if slot in free:
                free.remove(slot)
        return free

    def start(self, tasks: Sequence[Task]) -> None:
        for task, slot in zip(tasks, self._free(), strict=False):
            arguments = (task.plan, task.cell.seed, self.paths, task.files, slot.environment)
            process = self.context.Process(target=_work, args=arguments, name=str(task.cell))
            process.start()
            self.running[task.fingerprint] = (process, slot)

    def ended(self) -> Mapping[str, End]:
        gone = {key: process.exitcode for key, (process, _) in self.running.items() if process.exitcode is not None}
        for key in gone:
            self.running.pop(key)[0].join()
        if gone:
            self.slots = self.find()
        return {key: _end(code) for key, code in gone.items()}

    def stop(self) -> None:
        processes = [process for process, _ in self.running.values()]
        for process in processes:
            process.terminate()
        until = time.monotonic() + GRACE
        for process in processes:
            process.join(max(0.0, until - time.monotonic()))
            if process.exitcode is None:
                process.kill()
                process.join()


def _end(code: int) -> End:
    return End(How.KILLED, signal=-code) if code < 0 else End(How.EXITED, code=code)


def _work(plan: Path, seed: int, paths: Paths, files: CellPaths, environment: Mapping[str, str]) -> None:
    """One cell in its process. Its words go to the cell's log, also those of C libraries and of a crash."""
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the coordinator, which asks its cells to end
    files.folder.mkdir(parents=True, exist_ok=True)
    with files.log.open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    threading.Thread(target=_end_with_the_coordinator, daemon=True).start()
    from pipeline.cells import run
    from pipeline.common.errors import UserError
    from pipeline.records import Plan

    try:
        run.run(Plan.read(plan), seed, paths)
    except KeyboardInterrupt:  # asked to end: to the coordinator that is as good as killed
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    except (UserError, OSError) as error:
        traceback.print_exc() if isinstance(error, OSError) else print(error, file=sys.stderr)
        sys.exit(2)


def _end_with_the_coordinator() -> None:
    """A coordinator that was killed leaves no cell behind."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE)
        os._exit(1)
