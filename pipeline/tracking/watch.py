"""Show cells in MLflow while they train, from what they leave in scratch. A process of its own: it only
reads, may be stopped and started at will, and `sync` completes the very runs that it began.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline import study
from pipeline.claims import owner
from pipeline.files import read_json
from pipeline.tracking.connect import one_writer, open_store, resolve, shown
from pipeline.tracking.errors import TrackingError, store_errors
from pipeline.tracking.projection import cell_identity, cell_params
from pipeline.tracking.record import Point
from pipeline.tracking.sources import live_curve, ms
from pipeline.tracking.store import Store

logger = logging.getLogger(__name__)
NICENESS = 10  # training comes first where the two share cores


@dataclass(frozen=True)
class Sight:
    """A cell as its scratch folder shows it; `status` is MLflow's word for its state."""

    cell: dict[str, Any]
    beat: dict[str, Any]
    status: str
    points: tuple[Point, ...]

    @property
    def tags(self) -> dict[str, str]:
        return cell_identity(self.cell["variant"], self.cell["seed"], self.cell["fingerprint"])

    @cached_property
    def identities(self) -> frozenset[tuple[str, str, int, int]]:
        return frozenset(point.identity for point in self.points)


@dataclass
class Shown:
    """What the store has of a cell's run, as far as this process knows."""

    run_id: str
    points: frozenset[tuple[str, str, int, int]]
    status: str = "RUNNING"


def watch(root: Path, *, uri: str | None = None, interval: float = 5.0, stop: Callable[[], bool] | None = None) -> None:
    """Show the running cells under `root` every `interval` seconds until `stop()` is true or Ctrl-C.

    Raises TrackingError where the store cannot be opened at first; a store that fails later is tried again.
    """
    watcher = Watcher(root, uri)
    watcher.connect()
    watcher.round()
    os.nice(NICENESS)  # not before: imports and a new store would take a minute beside busy cores
    while not (stop and stop()):
        time.sleep(interval)
        try:
            watcher.round()
        except TrackingError as error:
            logger.warning("%s", error)
            watcher = Watcher(root, uri)  # what the store has is read anew


class Watcher:
    """Remembers what it has sent, so that a round with nothing new opens no store."""

    def __init__(self, root: Path, uri: str | None = None) -> None:
        self.root, self.uri = root, resolve(root, uri)
        self.shown: dict[str, Shown] = {}
        self.store: Store | None = None

    def connect(self) -> Store:
        """Open the store of the study that params.yaml names."""
        with one_writer(self.root):
            self.store = open_store(self.root, self.uri, study.load(self.root / "params.yaml").study)
        return self.store

    def round(self) -> int:
        """Send what is new of every running cell; returns the number of points sent."""
        news = [sight for sight in sights(self.root, self.shown) if self._is_new(sight)]
        if not news:
            return 0
        store = self.store or self.connect()
        with one_writer(self.root), store_errors(shown(self.root, self.uri)):
            return sum(self._show(store, sight) for sight in news)

    def _is_new(self, sight: Sight) -> bool:
        known = self.shown.get(sight.cell["fingerprint"])
        return known is None or known.status != sight.status or known.points != sight.identities

    def _show(self, store: Store, sight: Sight) -> int:
        fingerprint, now = sight.cell["fingerprint"], sight.identities
        known = self.shown.get(fingerprint) or self._begun(store, sight)
        if known is None or not known.points <= now:
            known = self._begin(store, sight)
        new = [point for point in sight.points if point.identity not in known.points]
        store.write(known.run_id, new, tags={"progress": _progress(sight.beat)})
        if known.status != sight.status:
            store.set_status(known.run_id, sight.status)
        if sight.status == "RUNNING":
            self.shown[fingerprint] = Shown(known.run_id, now)
        else:
            self.shown.pop(fingerprint, None)  # should it train again, the store is asked for its run
        return len(new)

    def _begun(self, store: Store, sight: Sight) -> Shown | None:
        """The run that an earlier watcher began and that can go on."""
        for run in store.runs():
            if run.key == sight.tags["key"] and run.digest is None:
                return Shown(run.run_id, run.points, run.status)
        return None

    def _begin(self, store: Store, sight: Sight) -> Shown:
        """A new run. One that holds points the training took back, by resuming at a checkpoint, makes way."""
        for run in store.runs():
            if run.key == sight.tags["key"] and run.digest is None:
                store.supersede(run, "its training went back to a checkpoint")
        variant, seed = sight.cell["variant"], sight.cell["seed"]
        started = min((point.timestamp for point in sight.points), default=ms(sight.beat["time"]))
        run_id = store.create(f"{variant}-{seed}", started, sight.tags)
        plan = _read(self.root / f"data/plans/{variant}.json") or {}
        store.write(run_id, params=cell_params(plan, variant, seed))
        return Shown(run_id, frozenset())


def sights(root: Path, known: dict[str, Shown]) -> Iterator[Sight]:
    """The cells that train now, and those of `known`, however they stand."""
    for folder in sorted((root / "scratch").glob("*/")):
        cell, beat = _read(folder / "cell.json"), _read(folder / "heartbeat.json")
        if cell and beat:
            status = _status(folder)
            if status == "RUNNING" or cell["fingerprint"] in known:
                yield Sight(cell, beat, status, live_curve(folder / "history.csv"))


def _status(folder: Path) -> str:
    if (folder / "DONE").exists():
        return "FINISHED"
    if (folder / "FAILED").exists():
        return "FAILED"
    return "RUNNING" if owner(folder) else "KILLED"


def _progress(beat: dict[str, Any]) -> str:
    return f"epoch {beat['epoch']} of {beat['epochs']}, {beat['eta_seconds']:.0f} s left"


def _read(path: Path) -> Any:
    return read_json(path) if path.exists() else None
