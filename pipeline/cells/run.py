"""Run one cell to its end in scratch, whoever asked for it: DVC's stage, a dispatcher, a cluster node."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline.cells import failures, state
from pipeline.cells.claims import claim
from pipeline.common.errors import CellFailed
from pipeline.common.files import read_json, write_json
from pipeline.study.plan import MANIFEST, fingerprint


def run(plan: Mapping[str, Any], seed: int) -> str:
    """Train the cell unless it is finished; returns its fingerprint.

    Raises Claimed where another process trains it, CellFailed after writing FAILED, and KeyboardInterrupt as it
    comes: an interrupted cell is resumable, not failed. Termination by a scheduler counts as an interruption.
    """
    identity = fingerprint(plan["digest"], read_json(MANIFEST)["digest"], seed)
    folder = state.scratch(identity)
    if state.is_done(identity):
        return identity
    interruptible()
    with claim(folder):
        if not state.is_done(identity):  # whoever owned it until now may have finished it
            _train(plan, seed, identity, folder)
    return identity


def _train(plan: Mapping[str, Any], seed: int, identity: str, folder: Path) -> None:
    (folder / "FAILED").unlink(missing_ok=True)
    try:
        write_json(folder / "cell.json", {"variant": plan["variant"], "seed": seed, "fingerprint": identity})
        if plan["config"]["resources"]["processes"] > 1:
            from pipeline.cells.torchrun import launch

            launch(plan, seed, identity, folder)
        else:
            from pipeline.detector.train import train  # torch and MMDetection load here, not before

            train(plan, seed, identity, folder)
    except Exception as error:
        failure = failures.describe(error, folder)
        with suppress(OSError):  # the disk may be full: then what is raised must do
            with (folder / "train.log").open("a", encoding="utf-8") as log:
                traceback.print_exc(file=log)
            write_json(folder / "FAILED", failure)
        raise CellFailed(
            f"{plan['variant']} seed {seed} failed: {failure['reason']}\n  log: {folder / 'train.log'}"
        ) from error


def interruptible() -> None:
    """Let SIGTERM be what Ctrl-C is."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
