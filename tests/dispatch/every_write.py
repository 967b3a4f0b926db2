"""Run in a test's project, disk.c loaded: one cell trained and collected, with a disk that is full after n writes.

For each n of the arguments: what the command says then, and what it ends with once there is space again. A line of JSON
each. The parent has imported all that a cell needs; each attempt is a fork of it.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import sys
import traceback
from pathlib import Path

import pipeline.cells.run
import pipeline.detector.train  # noqa: F401
from pipeline.__main__ import main

WORDS = Path("words")  # not on the disk that fills up
FOLDERS = Path("scratch"), Path("data/runs")
disk = ctypes.CDLL(None)


def attempt(space: int) -> tuple[int, str, int]:
    """Exit code, words and writes of the command, where the disk takes so many writes (-1: all)."""
    counted, count = os.pipe()
    pid = os.fork()
    if not pid:
        words = os.open(WORDS, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(words, 1)
        os.dup2(words, 2)
        sys.argv[1:] = ["train", "baseline", "0"]
        code = 1
        disk.disk_space(ctypes.c_long(space))
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            os.write(count, str(disk.disk_written()).encode())
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    os.close(count)
    with os.fdopen(counted) as file:
        return os.waitstatus_to_exitcode(status), WORDS.read_text(errors="replace"), int(file.read() or -1)


def left() -> list[str]:
    """Files that are not whole."""
    return sorted(str(path) for folder in FOLDERS for path in folder.rglob("*.part"))


def result() -> dict[str, object]:
    cell = Path("data/runs/baseline/0")
    steps = [line.split(",")[1] for line in (cell / "history.csv").read_text().splitlines() if ",loss," in line]
    predictions = hashlib.sha256((cell / "predictions.json.gz").read_bytes()).hexdigest()
    return {"steps": steps, "predictions": predictions, "failed": bool(list(Path("scratch").glob("*/FAILED")))}


for number in map(int, sys.argv[1:] or ["-1"]):
    for folder in FOLDERS:
        shutil.rmtree(folder, ignore_errors=True)
    code, said, writes = attempt(number)
    full = {"code": code, "said": said, "left": left(), "collected": Path("data/runs/baseline/0").exists()}
    again, said, _ = attempt(-1)
    print(json.dumps({"n": number, "writes": writes, **full, "again": again, "then": said, **result()}), flush=True)
