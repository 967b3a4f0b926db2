"""Run one cell to its end in scratch, whoever asked for it: DVC's stage, a dispatcher, a cluster node."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline import cells
from pipeline.files import read_json, write_json
from pipeline.plan import MANIFEST, fingerprint
from pipeline.study import UserError

TAIL = 20  # lines of the log that a failure keeps


class CellFailed(UserError):
    """The cell ended without a result; its FAILED file says why."""


def run(plan: Mapping[str, Any], seed: int) -> str:
    """Train the cell unless it is finished; returns its fingerprint.

    Raises CellFailed after writing FAILED, and KeyboardInterrupt as it comes: an interrupted cell is
    resumable, not failed. Termination by a scheduler counts as an interruption.
    """
    identity = fingerprint(plan["digest"], read_json(MANIFEST)["digest"], seed)
    folder = cells.scratch(identity)
    if cells.is_done(identity):
        return identity
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "FAILED").unlink(missing_ok=True)
    write_json(folder / "cell.json", {"variant": plan["variant"], "seed": seed, "fingerprint": identity})
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        from pipeline.detector.train import train  # torch and MMDetection load here, not before

        train(plan, seed, identity, folder)
    except Exception as error:
        failure = {"kind": _kind(error), "reason": _reason(error), "tail": _tail(folder)}
        with (folder / "train.log").open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
        write_json(folder / "FAILED", failure)
        raise CellFailed(
            f"{plan['variant']} seed {seed} failed: {failure['reason']}\n  log: {folder / 'train.log'}"
        ) from error
    return identity


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _kind(error: Exception) -> str:
    name = type(error).__name__
    if "out of memory" in str(error).lower() or isinstance(error, MemoryError):
        return "memory"
    return {"Diverged": "diverged", "UserError": "input"}.get(
        name, "disk" if isinstance(error, OSError) and error.errno == 28 else "exception"
    )


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    hint = {
        "memory": "; use a smaller train.batch_size or image_size, or precision fp16 on a GPU",
        "disk": "; free some space and run again, the cell goes on from its last checkpoint",
    }.get(_kind(error), "")
    return (text if isinstance(error, UserError) else f"{type(error).__name__}: {text}")[:500] + hint


def _tail(folder: Path) -> list[str]:
    log = folder / "train.log"
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:] if log.exists() else []
