"""What watching costs a training: `python -m benchmarks.tracking [seconds a round]`.

As many one-thread trainings as there are cores, each the arithmetic of a small convolution in numpy and a
row of history every few seconds, run with and without `watch` in turns. Printed are the ratio of their
speeds, the share of one core that `watch` takes once it is started, and how soon a first curve shows.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROUNDS = 3
TRAINING = """
import json, os, socket, sys, time
from pathlib import Path
import numpy as np
folder, until = Path(sys.argv[1]), time.time() + float(sys.argv[2])
owner = {"pid": os.getpid(), "host": socket.gethostname(), "born": time.time(), "job": None}
(folder / "claim.1").write_text(json.dumps(owner))
rng = np.random.default_rng(0)
image, kernel = rng.random((2000, 400), dtype=np.float32), rng.random((400, 400), dtype=np.float32)
step = 0
with (folder / "history.csv").open("w") as history:
    history.write("epoch,step,time,metric,value\\n")
    while time.time() < until:
        image @ kernel
        step += 1
        if step % 400 == 0:  # every four seconds or so, as the demo does
            history.write("".join(f"1,{step},{time.time():.3f},{name},{1 / step}\\n" for name in
                                  ("loss", "loss_cls", "loss_bbox", "loss_rpn_cls", "loss_rpn_bbox", "acc", "lr")))
            history.flush()
            beat = {"state": "running", "epoch": 1, "epochs": 1, "step": step, "steps": step, "loss": 1.0,
                    "eta_seconds": 1.0, "time": time.time(), "pid": os.getpid(), "host": socket.gethostname()}
            (folder / "heartbeat.part").write_text(json.dumps(beat))
            (folder / "heartbeat.part").replace(folder / "heartbeat.json")
print(step)
"""
WATCH = "import sys, pathlib, pipeline.tracking as t; t.watch(pathlib.Path(sys.argv[1]))"
PARAMS = {"study": "bench", "dataset": {"source": "roadmarks"}, "variants": {"baseline": {}}, "seeds": [0]}


def main(seconds: float) -> None:
    print(f"{os.cpu_count()} cores, as many trainings of one thread")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "params.yaml").write_text(json.dumps(PARAMS))
        print(f"first curve shown {first_curve(root):.1f} s after its first row")
        ratios, shares = [], []
        for _ in range(ROUNDS):
            alone = finish(start(root, seconds))
            with watching(root) as watcher:
                while os.getpriority(os.PRIO_PROCESS, watcher.pid) <= os.getpriority(os.PRIO_PROCESS, 0):
                    time.sleep(0.1)  # it steps back once it is started
                began, before = time.monotonic(), cpu_seconds(watcher.pid)
                watched = finish(start(root, seconds))
                shares.append((cpu_seconds(watcher.pid) - before) / (time.monotonic() - began))
            ratios.append(watched / alone)
            print(f"steps a second: {alone / seconds:.1f} alone, {watched / seconds:.1f} watched")
        print(f"speed watched / alone: {statistics.median(ratios):.4f} ({min(ratios):.4f} to {max(ratios):.4f})")
        print(f"watch takes {100 * statistics.median(shares):.2f} % of one core")


def first_curve(root: Path) -> float:
    """Seconds from the first row of a training to its first point in the store, where `watch` runs already."""
    with watching(root):
        while not has_experiment(root):
            time.sleep(0.1)
        trainings = start(root, 30)
        while not (point := earliest_point(root)):
            time.sleep(0.1)
        shown = time.time()
        finish(trainings)
    return shown - point


def has_experiment(root: Path) -> bool:
    """Whether `watch` has made the store and the study in it."""
    with sqlite3.connect(root / "mlflow.db") as store:
        try:
            return bool(store.execute("SELECT 1 FROM experiments WHERE name = 'bench'").fetchone())
        except sqlite3.OperationalError:  # the tables are being made
            return False


def earliest_point(root: Path) -> float | None:
    """The time of the first point in the store, unix seconds; None before there is one."""
    with sqlite3.connect(root / "mlflow.db") as store:
        (milliseconds,) = store.execute("SELECT min(timestamp) FROM metrics").fetchone()
    return milliseconds and float(milliseconds) / 1000


def start(root: Path, seconds: float) -> list[subprocess.Popen[str]]:
    running = []
    for seed in range(os.cpu_count() or 1):
        folder = root / f"scratch/{time.time_ns():x}{seed}"
        folder.mkdir(parents=True)
        (folder / "cell.json").write_text(json.dumps({"variant": "baseline", "seed": seed, "fingerprint": folder.name}))
        command = [sys.executable, "-c", TRAINING, str(folder), str(seconds)]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=one_thread()))
    return running


def finish(running: list[subprocess.Popen[str]]) -> int:
    """Steps done by all of them together."""
    return sum(int(process.communicate()[0]) for process in running)


@contextmanager
def watching(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", WATCH, str(root)], env=one_thread())
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def one_thread() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60)
