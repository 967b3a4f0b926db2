"""Run one cell to its end in its working folder, whoever asked for it: DVC's stage, a dispatcher, a cluster node."""

from __future__ import annotations

import signal
import traceback
from contextlib import suppress
from types import FrameType

from pipeline.cells import failures
from pipeline.cells.claims import claim
from pipeline.common.errors import CellFailed
from pipeline.common.files import clear_parts
from pipeline.common.paths import CellPaths, Paths
from pipeline.records import CellIdentity, Manifest, Plan
from pipeline.study.plan import fingerprint


def run(plan: Plan, seed: int, paths: Paths) -> str:
    """Train the cell unless it is finished; returns its fingerprint.

    Raises Claimed where another process trains it, CellFailed after writing FAILED, and KeyboardInterrupt as it
    comes: an interrupted cell is resumable, not failed. Termination by a scheduler counts as an interruption.
    """
    identity = fingerprint(plan.digest, Manifest.read(paths.manifest).digest, seed)
    files = paths.cell(identity)
    if files.done.exists():
        return identity
    interruptible()
    with claim(files.folder):
        if not files.done.exists():  # whoever owned it until now may have finished it
            _train(plan, seed, identity, files)
    return identity


def _train(plan: Plan, seed: int, identity: str, files: CellPaths) -> None:
    files.failed.unlink(missing_ok=True)
    clear_parts(files.folder)
    try:
        CellIdentity(variant=plan.variant, seed=seed, fingerprint=identity).write(files.identity)
        if plan.resources.processes > 1:
            from pipeline.cells.torchrun import launch

            launch(plan, seed, identity, files)
        else:
            from pipeline.detector.imports import import_named  # torch and MMDetection load here, not before
            from pipeline.detector.train import train

            import_named(plan.config)
            train(plan, seed, identity, files)
    except Exception as error:
        failure = failures.describe(error, files)
        with suppress(OSError):  # the disk may be full: then what is raised must do
            with files.log.open("a", encoding="utf-8") as log:
                traceback.print_exc(file=log)
            failure.write(files.failed)
        raise CellFailed(f"{plan.variant} seed {seed} failed: {failure.reason}\n  log: {files.log}") from error


def interruptible() -> None:
    """Let SIGTERM be what Ctrl-C is."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
