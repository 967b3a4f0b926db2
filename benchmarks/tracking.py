"""What watching costs a training: `python -m benchmarks.tracking`; 25 minutes, on a machine that does nothing else.

The demo's baseline trains, dispatched in a clone with as many seeds as there are cores, beside `track --watch`, which
is let run and held (SIGSTOP) by turns. Then the same cells train again with the turns exchanged. Two things are set
against each other, watched over unwatched, always two neighbouring turns together, so that the drift of the machine
drops out:

work: the seconds between two rows of a cell's history, against those of the very same iterations in the other
training. Equal seeds do equal work, to the bit.
waiting: the share of their time for which the cells were ready and had no core (schedstat in proc(5)). Blind to
what a neighbour does to caches, and free of the noise of a virtual machine.

A held watcher is given what it missed at its next turn, and makes new runs in its turns too: both count. Loading
MLflow, once, is told apart.
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
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psutil
from scipy.stats import t as student

from benchmarks.clones import PIPELINE, environment, failed, planned
from pipeline.common.machine import cores

TURN = 20.0  # seconds: four of the watcher's looks
PAIRS = 3
TRAIN = {"epochs": 20, "log_interval": 5}  # the demo's is 10: short rows fill a turn better, and there is more to send


@dataclass
class Training:
    """One training of all cells: its turns (from, to, watched; unix seconds), by turn the share of the cells' time
    that was waiting, and the watcher's seconds of a core in its own.
    """

    turns: list[tuple[float, float, bool]] = field(default_factory=list)
    waiting: list[float] = field(default_factory=list)
    cpu: float = 0.0
    rows: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)  # (cell, step) -> from, to

    def turn(self, span: tuple[float, float]) -> int | None:
        """The turn in which all of `span` lies."""
        within = (i for i, (start, end, _) in enumerate(self.turns) if start <= span[0] and span[1] <= end)
        return next(within, None)


def main() -> None:
    print(f"{cores()} cores, as many cells of the demo's baseline, {TRAIN}, turns of {TURN:.0f} s", flush=True)
    with tempfile.TemporaryDirectory() as name:
        project = planned(Path(name) / "study", ("baseline",), list(range(cores())), **TRAIN)
        with watching(project) as watcher:
            print(f"watch loaded and stepped back after {cpu_seconds(watcher):.1f} s of one core", flush=True)
            print(f"first curve shown {first_curve(project):.1f} s after its first row", flush=True)
            work, waiting, trainings = [], [], []
            for number in range(PAIRS):
                pair = [train(project, watcher, watched=watched) for watched in (True, False)]
                trainings += pair
                work += compare(*pair)
                waiting += [difference for training in pair for difference in waited(training)]
                print(f"after pair {number + 1} of {PAIRS}, watched over unwatched:", flush=True)
                print(f"  seconds of the same iterations {interval(work)}")
                print(f"  time spent waiting for a core {interval(waiting)}", flush=True)
    watched = sum(end - start for training in trainings for start, end, on in training.turns if on)
    share = sum(training.cpu for training in trainings) / watched
    print(f"watch takes {100 * share:.2f} % of one core, {100 * share / cores():.2f} % of this machine")


def compare(first: Training, second: Training) -> list[float]:
    """Logarithms of seconds watched over seconds unwatched, one for every two turns of the first training.

    The machine's own drift lengthens one training or the other for minutes. Of two neighbouring turns one counts it
    for the watched side and one against, so their mean is rid of it.
    """
    found = defaultdict(list)
    for row in first.rows.keys() & second.rows.keys():
        one, other = first.turn(first.rows[row]), second.turn(second.rows[row])
        if one is None or other is None or first.turns[one][2] == second.turns[other][2]:
            continue
        (start, end), (start2, end2) = first.rows[row], second.rows[row]
        ratio = math.log((end - start) / (end2 - start2))
        found[one].append(ratio if first.turns[one][2] else -ratio)
    means = {turn: statistics.fmean(group) for turn, group in found.items()}
    return [
        (means[turn] + means[turn + 1]) / 2
        for turn in range(0, len(first.turns), 2)
        if {turn, turn + 1} <= means.keys()
    ]


def waited(training: Training) -> list[float]:
    """The share of waiting, watched less unwatched, of every two turns; the first and the last are not whole."""
    pairs = zip(training.turns[1:-1:2], training.waiting[1:-1:2], training.waiting[2:-1:2], strict=False)
    return [first - second if watched else second - first for (_, _, watched), first, second in pairs]


def interval(shares: list[float]) -> str:
    """The mean of small relative differences and where it lies with 95 %, in percent."""
    mean, error = statistics.fmean(shares), statistics.stdev(shares) / math.sqrt(len(shares))
    reach = float(student.ppf(0.975, len(shares) - 1)) * error
    low, high = mean - reach, mean + reach
    return f"{100 * mean:+.2f} % (95 %: {100 * low:+.2f} to {100 * high:+.2f}; {len(shares)} pairs of turns)"


def train(project: Path, watcher: psutil.Process, watched: bool) -> Training:
    """All cells from the start to the end, the watcher running in the first turn (or held), then by turns."""
    shutil.rmtree(project / "scratch", ignore_errors=True)
    training = Training()
    with running(project, "bench.log", "dispatch") as process:
        while process.poll() is None:
            began, used, ran = time.time(), cpu_seconds(watcher), schedule(process.pid)
            watcher.send_signal(signal.SIGCONT if watched else signal.SIGSTOP)
            while process.poll() is None and time.time() < began + TURN:
                time.sleep(0.1)
            training.turns.append((began, time.time(), watched))
            training.waiting.append(share_waiting(ran, schedule(process.pid)))
            training.cpu += cpu_seconds(watcher) - used if watched else 0.0
            watched = not watched
    watcher.send_signal(signal.SIGCONT)
    if process.returncode:
        raise failed("dispatch", project / "bench.log")
    training.rows = rows(project)
    time.sleep(15)  # it looks once more and sees that they ended
    return training


def schedule(dispatcher: int) -> dict[str, tuple[int, int]]:
    """Thread -> nanoseconds on a core and waiting for one, of all that a dispatcher started."""
    found = {}
    with suppress(psutil.NoSuchProcess):  # the dispatcher has just ended
        for cell in psutil.Process(dispatcher).children(recursive=True):
            for path in Path(f"/proc/{cell.pid}/task").glob("*/schedstat"):
                with suppress(FileNotFoundError, ProcessLookupError):
                    ran, waits, _ = path.read_text().split()
                    found[path.parent.name] = int(ran), int(waits)
    return found


def share_waiting(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> float:
    ran, waits = (sum(after[key][i] - before[key][i] for key in before.keys() & after.keys()) for i in (0, 1))
    return waits / (ran + waits) if ran else 0.0


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
    with running(project, "bench.log", "dispatch") as process, closing(sqlite3.connect(project / "mlflow.db")) as store:
        while process.poll() is None:
            (milliseconds,) = store.execute("SELECT min(timestamp) FROM metrics").fetchone()
            if milliseconds:
                shown = time.time() - milliseconds / 1000
                process.terminate()
                return shown
            time.sleep(0.1)
    raise failed("showing a curve", project / "watch.log")


@contextmanager
def watching(project: Path) -> Iterator[psutil.Process]:
    """`track --watch`, once it is started and has stepped back."""
    with running(project, "watch.log", "track", "--watch") as process:
        while os.getpriority(os.PRIO_PROCESS, process.pid) <= os.getpriority(os.PRIO_PROCESS, 0):
            if process.poll() is not None:
                raise failed("track --watch", project / "watch.log")
            time.sleep(0.1)
        yield psutil.Process(process.pid)


@contextmanager
def running(project: Path, log: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of the pipeline in a clone, ended with the block."""
    with (project / log).open("ab") as out:
        process = subprocess.Popen([*PIPELINE, *words], cwd=project, env=environment(project), stdout=out, stderr=out)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)  # one that is held could not end
            process.terminate()
            process.wait()


def cpu_seconds(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))  # user and system


if __name__ == "__main__":
    main()
