"""What watching costs a training: `python -m benchmarks.tracking`; half an hour, on a machine that does nothing else.

The demo's baseline trains, dispatched in a clone with as many seeds as there are cores, beside `track --watch`, which
is let run and held (SIGSTOP) by turns. Then the same cells train again with the turns exchanged. Equal seeds do equal
work, to the bit, so the seconds between two rows of a cell's history are set against those of the very same iterations
in the other training, watched over unwatched. A held watcher is given what it missed at its next turn, and makes new
runs in its turns too: both count. Loading MLflow, once, is told apart.
"""

from __future__ import annotations

import csv
import math
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psutil
from scipy.stats import t as student

from benchmarks.study import PIPELINE, environment, planned
from pipeline.machine import cores

TURN = 30.0  # seconds: six of the watcher's looks
PAIRS, EPOCHS = 3, 20
NICE = 10  # where the watcher steps back to, once it is started


@dataclass
class Training:
    """One training of all cells: the turns (from, to, watched; unix seconds) and what the watcher used in its own."""

    turns: list[tuple[float, float, bool]] = field(default_factory=list)
    cpu: float = 0.0
    rows: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)  # (cell, step) -> from, to

    def turn(self, span: tuple[float, float]) -> int | None:
        """The turn in which all of `span` lies."""
        within = (i for i, (start, end, _) in enumerate(self.turns) if start <= span[0] and span[1] <= end)
        return next(within, None)


def main() -> None:
    print(f"{cores()} cores, as many cells of the demo's baseline, {EPOCHS} epochs, turns of {TURN:.0f} s", flush=True)
    with tempfile.TemporaryDirectory() as name:
        project = planned(Path(name) / "study", ("baseline",), list(range(cores())), epochs=EPOCHS)
        with watching(project) as watcher:
            print(f"watch loaded and stepped back after {sum(watcher.cpu_times()[:2]):.1f} s of one core", flush=True)
            print(f"first curve shown {first_curve(project):.1f} s after its first row", flush=True)
            ratios, pairs = [], []
            for number in range(PAIRS):
                pair = [train(project, watcher, watched=watched) for watched in (True, False)]
                ratios += compare(*pair)
                pairs += pair
                print(f"pair {number + 1} of {PAIRS}: {summary(ratios)}", flush=True)
    watched = sum(end - start for training in pairs for start, end, on in training.turns if on)
    share = sum(training.cpu for training in pairs) / watched
    print(f"watch takes {100 * share:.2f} % of one core, {100 * share / cores():.2f} % of this machine")


def compare(first: Training, second: Training) -> list[float]:
    """Logarithms of seconds watched over seconds unwatched: the mean of each turn of the first training."""
    found = defaultdict(list)
    for row in first.rows.keys() & second.rows.keys():
        one, other = first.turn(first.rows[row]), second.turn(second.rows[row])
        if one is None or other is None or first.turns[one][2] == second.turns[other][2]:
            continue
        (start, end), (start2, end2) = first.rows[row], second.rows[row]
        ratio = math.log((end - start) / (end2 - start2))
        found[one].append(ratio if first.turns[one][2] else -ratio)
    return [statistics.fmean(group) for group in found.values()]


def summary(ratios: list[float]) -> str:
    mean, error = statistics.fmean(ratios), statistics.stdev(ratios) / math.sqrt(len(ratios))
    reach = float(student.ppf(0.975, len(ratios) - 1)) * error
    low, high = math.exp(-mean - reach), math.exp(-mean + reach)
    return f"speed watched / unwatched {math.exp(-mean):.4f} (95 %: {low:.4f} to {high:.4f}), {len(ratios)} turns"


def train(project: Path, watcher: psutil.Process, watched: bool) -> Training:
    """All cells from the start to the end, the watcher running in the first turn (or held), then by turns."""
    shutil.rmtree(project / "scratch", ignore_errors=True)
    training = Training()
    with dispatched(project) as process:
        while process.poll() is None:
            began, before = time.time(), sum(watcher.cpu_times()[:2])
            watcher.send_signal(signal.SIGCONT if watched else signal.SIGSTOP)
            while process.poll() is None and time.time() < began + TURN:
                time.sleep(0.1)
            training.turns.append((began, time.time(), watched))
            training.cpu += sum(watcher.cpu_times()[:2]) - before
            watched = not watched
    watcher.send_signal(signal.SIGCONT)
    if process.returncode:
        raise SystemExit(f"dispatch failed:\n{(project / 'bench.log').read_text()[-3000:]}")
    training.rows = rows(project)
    time.sleep(15)  # it looks once more and sees that they ended
    return training


def rows(project: Path) -> dict[tuple[str, int], tuple[float, float]]:
    """When the iterations up to each row of each history ran; the first has no beginning."""
    spans: dict[tuple[str, int], tuple[float, float]] = {}
    for path in project.glob("scratch/*/history.csv"):
        with path.open(newline="") as file:
            times = {int(row["step"]): float(row["time"]) for row in csv.DictReader(file) if row["metric"] == "loss"}
        steps = sorted(times)
        spans |= {(path.parent.name, b): (times[a], times[b]) for a, b in pairwise(steps)}
    return spans


def first_curve(project: Path) -> float:
    """Seconds from the first row of a training to its first point in the store; the training is then stopped."""
    with dispatched(project) as process, closing(sqlite3.connect(project / "mlflow.db")) as store:
        while process.poll() is None:
            (milliseconds,) = store.execute("SELECT min(timestamp) FROM metrics").fetchone()
            if milliseconds:
                shown = time.time() - milliseconds / 1000
                process.terminate()
                return shown
            time.sleep(0.1)
    raise SystemExit(f"no curve was shown:\n{(project / 'bench.log').read_text()[-3000:]}")


@contextmanager
def dispatched(project: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (project / "bench.log").open("ab") as log:
        command = [*PIPELINE, "dispatch"]
        process = subprocess.Popen(command, cwd=project, env=environment(project), stdout=log, stderr=log)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()


@contextmanager
def watching(project: Path) -> Iterator[psutil.Process]:
    """`track --watch`, once it is started."""
    with (project / "watch.log").open("wb") as log:
        command = [*PIPELINE, "track", "--watch"]
        process = subprocess.Popen(command, cwd=project, env=environment(project), stdout=log, stderr=log)
    try:
        while os.getpriority(os.PRIO_PROCESS, process.pid) < NICE:
            if process.poll() is not None:
                raise SystemExit(f"track --watch ended:\n{(project / 'watch.log').read_text()[-3000:]}")
            time.sleep(0.1)
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
