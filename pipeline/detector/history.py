"""What a run says of itself while it trains: curves, a heartbeat, one line of progress."""

from __future__ import annotations

import csv
import math
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from pipeline.common.errors import Diverged
from pipeline.common.files import write_text
from pipeline.common.paths import CellPaths
from pipeline.common.progress import duration
from pipeline.records import Heartbeat
from pipeline.records.cell import BeatState
from pipeline.records.history import HEADER, reading


@HOOKS.register_module()
class History(Hook):
    """Appends to `history.csv` every `interval` iterations and at the end of an epoch; rewrites `heartbeat.json`.

    `step` is the number of iterations done, `time` the clock of the training in unix seconds, and each
    loss the mean since the last row. After a resume, rows past the checkpoint are cut off: those
    iterations are about to be repeated.
    """

    priority = "LOW"

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval

    def before_train(self, runner: Runner) -> None:
        if runner.rank != 0:
            return
        self.cell = CellPaths(Path(runner.work_dir))
        self.path = self.cell.history
        cut_after(self.path, runner.iter)
        self.pace = Pace.of(runner)
        self.last = (runner.iter, time.monotonic())

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        done, epoch = runner.iter + 1, epoch_of(runner, runner.iter + 1)
        end_of_epoch = done % len(runner.train_dataloader) == 0
        if runner.rank != 0 or (done % self.interval and not end_of_epoch):
            return
        now, since = time.monotonic(), done - self.last[0]
        scalars = runner.message_hub.log_scalars
        values = {
            name.removeprefix("train/"): float(scalars[name].mean(since))
            for name in scalars
            if name.startswith("train/") and ("loss" in name or name == "train/acc")
        }
        if not math.isfinite(values.get("loss", 0.0)):
            raise Diverged(f"the loss is {values['loss']} at iteration {done} of epoch {epoch}")
        values["lr"] = float(runner.optim_wrapper.get_lr()["lr"][0])
        values["seconds_per_iter"] = (now - self.last[1]) / since
        append(self.path, ((epoch, done, f"{time.time():.3f}", key, repr(value)) for key, value in values.items()))
        self.last = (done, now)
        beat = self.pace.beat(epoch, done, values.get("loss"))
        beat.write(self.cell.heartbeat)
        say(line(beat), end_of_epoch)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        value = (metrics or {}).get("coco/bbox_mAP")
        if runner.rank == 0 and value is not None and hasattr(self, "path"):
            epoch = epoch_of(runner, runner.iter)
            append(self.path, [(epoch, runner.iter, f"{time.time():.3f}", "val/AP", repr(float(value)))])


class Pace:
    """Turns steps into a heartbeat with the time left, measured from this process's own start.

    `before` are the seconds that earlier sessions of the cell took.
    Durations are taken from the monotonic clock: the time of day may be set meanwhile.
    """

    def __init__(self, epochs: int, steps: int, first: int, before: float = 0.0) -> None:
        self.epochs, self.steps, self.first, self.before, self.start = epochs, steps, first, before, time.monotonic()

    @classmethod
    def of(cls, runner: Runner) -> Pace:
        """The pace of a run that begins here, or goes on."""
        before = elapsed(CellPaths(Path(runner.work_dir)))
        return cls(epoch_of(runner, runner.max_iters), runner.max_iters, runner.iter, before)

    def beat(self, epoch: int, step: int, loss: float | None, state: BeatState = "running") -> Heartbeat:
        trained = time.monotonic() - self.start
        pace = trained / max(step - self.first, 1)
        return Heartbeat(
            state=state, epoch=epoch, epochs=self.epochs, step=step, steps=self.steps, loss=loss,
            eta_seconds=round(pace * (self.steps - step), 1), elapsed=round(self.before + trained, 3),
            time=round(time.time(), 3), pid=os.getpid(), host=socket.gethostname(),
        )  # fmt: skip


def epoch_of(runner: Runner, done: int) -> int:
    """The pass over the images that the iteration number `done` (from 1) belongs to, whatever the loop counts."""
    return math.ceil(done / len(runner.train_dataloader))


def elapsed(cell: CellPaths) -> float:
    """Seconds that a cell has trained, those of sessions that were cut off included up to their last heartbeat."""
    beat = Heartbeat.read_if_there(cell.heartbeat)
    return beat.elapsed if beat else 0.0


def append(path: Path, rows: Any) -> None:
    """Add rows, and the header first where the file is new; whole lines in one write."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(HEADER)
        writer.writerows(rows)


def cut_after(path: Path, step: int) -> None:
    """Drop the rows of iterations past `step`, a last line that a kill left unfinished, and whatever is no row."""
    if not path.exists():
        return
    rows = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    kept = [row for row in rows if row.endswith("\n") and (found := reading(row)) and found.step <= step]
    write_text(path, ",".join(HEADER) + "\n" + "".join(kept))


def line(beat: Heartbeat) -> str:
    loss = "-" if beat.loss is None else f"{beat.loss:.3f}"
    return f"  epoch {beat.epoch}/{beat.epochs}  loss {loss}  {duration(beat.eta_seconds)} left"


def say(text: str, end_of_epoch: bool = True) -> None:
    """One line that rewrites itself on a terminal; elsewhere one line an epoch."""
    out = sys.__stdout__ or sys.stdout  # while a cell trains, sys.stdout itself is the log
    if out.isatty():
        out.write(f"\r{text:<70}" + ("\n" if end_of_epoch else ""))
    elif end_of_epoch:
        out.write(text + "\n")
    out.flush()
