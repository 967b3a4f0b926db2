"""Hands tasks to an engine until each is done or failed; what a cell ended with is read from its own files."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pipeline.cells.state import Standing, standing
from pipeline.dispatch.ends import End, How
from pipeline.dispatch.tasks import Task

ATTEMPTS = 3  # times a cell may be killed before it is given up
PAUSE = 0.1  # seconds between two looks at the engine
FOLLOW = 2.0  # seconds between two looks at cells that others train: on a shared file system each look is work

State = Literal["waiting", "handed over", "elsewhere", "done", "failed"]


class Engine(Protocol):
    """Where cells run. An engine knows processes or jobs; how a cell ended, its files say."""

    def free_slots(self) -> int:
        """How many more cells it takes now."""

    def start(self, tasks: Sequence[Task]) -> None:
        """Take these cells, at most `free_slots()`."""

    def ended(self) -> Mapping[str, End]:
        """Fingerprints that it no longer works on since the last call, with how the process or job ended."""

    def stop(self) -> None:
        """End what runs, each cell resumable, nothing left behind."""


@dataclass
class TaskProgress:
    """A task and how it stands; `detail` is why it failed, `seconds` its training time once done."""

    task: Task
    state: State = "waiting"
    detail: str = ""
    killed: int = 0
    seconds: float | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed")

    def move(self, state: State, detail: str = "") -> None:
        self.state, self.detail, self.since = state, detail, time.monotonic()


OnChange = Callable[[TaskProgress], None]


def coordinate(
    tasks: Sequence[Task], engine: Engine, on_change: OnChange, tick: Callable[[], None]
) -> list[TaskProgress]:
    """All tasks to their end. `on_change` is called at every change, `tick` is called at each look.

    KeyboardInterrupt stops the engine and goes on up.
    """
    all_of_them = {task.fingerprint: TaskProgress(task) for task in tasks}
    followed = time.monotonic()
    try:
        while not all(progress.over for progress in all_of_them.values()):
            for fingerprint, end in engine.ended().items():
                progress = all_of_them[fingerprint]
                settle(progress, look(progress.task), end)
                on_change(progress)
            if time.monotonic() - followed > FOLLOW:
                followed = time.monotonic()
                for progress in all_of_them.values():
                    if progress.state == "elsewhere":
                        _follow(progress, on_change)
            _hand_over(all_of_them, engine, on_change)
            tick()
            time.sleep(PAUSE)
    except BaseException:
        engine.stop()
        raise
    return list(all_of_them.values())


def look(task: Task) -> Standing:
    return standing(task.cell, task.fingerprint, task.paths)


def settle(progress: TaskProgress, found: Standing, end: End | None = None) -> None:
    """What becomes of a cell that its engine let go of.

    Done and failed are the cell's own words. One that another process owns is waited for. One that said nothing was
    killed: it is tried again from its last checkpoint, but not for ever. Other ends without a word are final.
    """
    progress.seconds = found.seconds
    if found.state == "done":
        progress.move("done", found.detail)
    elif found.state == "failed":
        progress.move("failed", found.detail)
    elif found.state == "running":
        progress.move("elsewhere", "another process trains it")
    elif end is not None and end.how is How.KILLED:
        progress.killed += 1
        if progress.killed < ATTEMPTS:
            progress.move("waiting", f"{end}; it goes on from its last checkpoint")
        else:
            hint = (
                "the system may be short of memory: try fewer --jobs"
                if end.signal == signal.SIGKILL
                else "run again to go on"
            )
            progress.move("failed", f"{end}, {progress.killed} times; {hint}")
    else:
        progress.move("failed", f"{end} without a reason; see {progress.task.files.log}")


def _follow(progress: TaskProgress, on_change: OnChange) -> None:
    """A cell that someone else trains: done, failed, or left by its owner and ours to take."""
    found = look(progress.task)
    if found.state != "running":
        if found.state in ("done", "failed"):
            settle(progress, found)
        else:
            progress.move("waiting")
        on_change(progress)


def _hand_over(all_of_them: Mapping[str, TaskProgress], engine: Engine, on_change: OnChange) -> None:
    free = engine.free_slots()
    chosen: list[TaskProgress] = []
    for progress in all_of_them.values():
        if len(chosen) >= free:
            break
        if progress.state == "waiting":
            found = look(progress.task)
            if found.state == "running":
                progress.move("elsewhere", "another process trains it")
                on_change(progress)
            elif found.state == "done":
                settle(progress, found)
                on_change(progress)
            else:
                chosen.append(progress)
    if chosen:
        engine.start([progress.task for progress in chosen])
        for progress in chosen:
            progress.move("handed over")
            on_change(progress)
