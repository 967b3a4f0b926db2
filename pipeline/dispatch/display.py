"""What a person sees while a study runs: a line a cell as it starts and ends, the time left, or a live table."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from pipeline.cells.state import Standing
from pipeline.common.progress import duration, left
from pipeline.dispatch.coordinator import TaskProgress
from pipeline.records import Heartbeat

REFRESH = 1.0  # seconds between two states of the live table


class Lines:
    """One line for each cell that ended, was killed or is trained by someone else."""

    def __init__(self, finished: Sequence[Standing], total: int, at_once: int, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.known = [standing.seconds for standing in finished if standing.seconds is not None]
        self.before, self.total, self.at_once = len(finished), total, at_once
        self.cells: dict[str, TaskProgress] = {}

    def on_change(self, progress: TaskProgress) -> None:
        self.cells[progress.task.fingerprint] = progress
        if progress.over or progress.state == "elsewhere" or (progress.state == "waiting" and progress.detail):
            self.console.print(self.line(progress), markup=False)

    def tick(self) -> None:
        """Nothing: lines are printed when something changes."""

    def line(self, progress: TaskProgress) -> str:
        over = self.before + sum(cell.over for cell in self.cells.values())
        name = progress.task.cell
        if progress.state == "done":
            took = f" in {duration(progress.seconds)}" if progress.seconds is not None else ""
            return f"[{over}/{self.total}] {name}: done{took}; {self.left()}"
        if progress.state == "failed":
            return f"[{over}/{self.total}] {name}: FAILED, {progress.detail}"
        return f"{name}: {progress.detail}"

    def left(self) -> str:
        """The time left for the study, from the mean of the cells done and how many run at once."""
        took = self.known + [cell.seconds for cell in self.cells.values() if cell.seconds is not None]
        to_go = self.total - self.before - sum(cell.over for cell in self.cells.values())
        if not to_go:
            return "all cells over"
        seconds = left(took, to_go, max(1, min(self.at_once, to_go)))
        return f"{to_go} to go" if seconds is None else f"about {duration(seconds)} left"


class Watch(Lines):
    """The same lines above a table of what runs now, redrawn each second."""

    def __init__(self, finished: Sequence[Standing], total: int, at_once: int) -> None:
        super().__init__(finished, total, at_once)
        self.live = Live(console=self.console, auto_refresh=False, transient=True)
        self.drawn = 0.0

    def __enter__(self) -> Watch:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def tick(self) -> None:
        if time.monotonic() - self.drawn >= REFRESH:
            self.drawn = time.monotonic()
            self.live.update(Group(*self.table()), refresh=True)

    def table(self) -> Iterable[Any]:
        states = Counter(cell.state for cell in self.cells.values())
        table = Table("cell", "epoch", "loss", "left", "since", box=None)
        for cell in self.cells.values():
            if cell.state in ("handed over", "elsewhere"):
                beat = Heartbeat.read_if_there(cell.task.files.heartbeat)
                at = f"{beat.epoch} of {beat.epochs}" if beat else "starting or queued"
                loss = f"{beat.loss:.3f}" if beat and beat.loss is not None else ""
                rest = duration(beat.eta_seconds) if beat else ""
                table.add_row(str(cell.task.cell), at, loss, rest, duration(time.monotonic() - cell.since))
        yield table
        over = self.before + states["done"] + states["failed"]
        yield f"{over} of {self.total} cells over, {states['failed']} failed; {self.left()}"


def summary(over: Sequence[TaskProgress], finished: int, say: Callable[[str], None]) -> None:
    """What was done and what failed, with the reasons."""
    failed = [progress for progress in over if progress.state == "failed"]
    say(f"{finished + len(over) - len(failed)} cells done, {len(failed)} failed; `dvc repro` collects them")
    for progress in failed:
        say(f"  {progress.task.cell}: {progress.detail}")
