"""Show cells in MLflow while they train, from what they leave in their working folders. A process of its own: it only
reads, may be stopped and started at will, and `sync` completes the very runs that it began.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline import study
from pipeline.cells.claims import owner
from pipeline.common.paths import CellPaths, Paths
from pipeline.common.progress import duration
from pipeline.records import CellIdentity, Heartbeat, Plan
from pipeline.tracking.connect import one_writer, open_store, resolve, shown
from pipeline.tracking.content import Identity, Point
from pipeline.tracking.errors import TrackingError, store_errors
from pipeline.tracking.live import LiveCurve
from pipeline.tracking.projection import cell_identity, cell_params
from pipeline.tracking.reconcile import Existing
from pipeline.tracking.sources import ms
from pipeline.tracking.store import Store

logger = logging.getLogger(__name__)
LEFT_OPEN = "tags.role = 'cell' AND tags.progress != 'done' AND attributes.status = 'RUNNING'"  # done: sync's, cut off
NICENESS = 10  # training comes first where the two share cores


@dataclass
class Shown:
    """What the store has of a cell's run, as far as this process knows."""

    run_id: str
    points: set[Identity]
    status: str = "RUNNING"

    @classmethod
    def of(cls, run: Existing) -> Shown:
        return cls(run.run_id, set(run.points), run.status)


@dataclass
class Watched:
    """A cell's working folder; `shown` once it has a run in the store."""

    cell: CellPaths
    curve: LiveCurve
    shown: Shown | None = None


@dataclass(frozen=True)
class News:
    """What a look found of a cell: `status` is MLflow's word for its state, `anew` that `points` are all there are."""

    cell: CellIdentity
    beat: Heartbeat
    status: str
    points: list[Point]
    anew: bool

    @property
    def tags(self) -> dict[str, str]:
        return cell_identity(self.cell.variant, self.cell.seed, self.cell.fingerprint)


def watch(
    paths: Paths, *, uri: str | None = None, interval: float = 5.0, stop: Callable[[], bool] | None = None
) -> None:
    """Show the study's running cells every `interval` seconds until `stop()` is true or Ctrl-C.

    Raises TrackingError where the store cannot be opened at first; a store that fails later is tried again.
    """
    watcher = Watcher(paths, uri)
    watcher.connect()
    watcher.round()
    os.nice(NICENESS)  # not before: imports and a new store would take a minute beside busy cores
    while not (stop and stop()):
        time.sleep(interval)
        try:
            watcher.round()
        except TrackingError as error:
            logger.warning("%s", error)
            watcher = Watcher(paths, uri)  # what the store has is read anew


class Watcher:
    """Remembers what it has sent, so that a round with nothing new opens no store."""

    def __init__(self, paths: Paths, uri: str | None = None) -> None:
        self.paths, self.uri = paths, resolve(paths, uri)
        self.watched: dict[Path, Watched] = {}
        self.store: Store | None = None

    def connect(self) -> Store:
        """Open the store of the study that params.yaml names, and take up the runs that a watcher left open there."""
        with one_writer(self.paths):
            self.store = open_store(self.paths, self.uri, study.load(self.paths.params).study)
        with store_errors(shown(self.paths, self.uri)):
            for run in self.store.runs(LEFT_OPEN):
                cell = self.paths.cell(run.tags.get("fingerprint", "-"))
                if run.digest is None and cell.folder.exists():  # it may have ended since: then its run must too
                    self._watched(cell).shown = Shown.of(run)
        return self.store

    def round(self) -> int:
        """Send what is new of every running cell; returns the number of points sent."""
        found = [(watched, news) for watched in self._folders() if (news := _look(watched))]
        if not found:
            return 0
        store = self.store or self.connect()
        with one_writer(self.paths), store_errors(shown(self.paths, self.uri)):
            return sum(self._show(store, watched, news) for watched, news in found)

    def _folders(self) -> list[Watched]:
        """All cells that were ever started; one that is not running costs a look at its marks and no more."""
        for cell in self.paths.cells():
            self._watched(cell)
        return list(self.watched.values())

    def _watched(self, cell: CellPaths) -> Watched:
        return self.watched.setdefault(cell.folder, Watched(cell, LiveCurve(cell.history)))

    def _show(self, store: Store, watched: Watched, news: News) -> int:
        known, params = watched.shown, dict[str, str]()
        if known is None or (news.anew and not known.points <= watched.curve.identities):
            known = self._begun(store, news, watched.curve.identities)
        if known is None:
            known, params = self._begin(store, news)
        new = [point for point in news.points if point.identity not in known.points]
        store.write(known.run_id, new, params, tags={"progress": _progress(news.beat)})
        if known.status != news.status:
            store.set_status(known.run_id, news.status)
        if news.status == "RUNNING":
            known.points.update(point.identity for point in new)
            watched.shown = Shown(known.run_id, known.points)
        else:
            del self.watched[watched.cell.folder]  # should it train again, the store is asked for its run
        return len(new)

    def _begun(self, store: Store, news: News, curve: set[Identity]) -> Shown | None:
        """The run that was begun and can go on. One with points that the training took back, by resuming at a
        checkpoint, makes way.
        """
        for run in store.runs(f"tags.key = '{news.tags['key']}'"):
            if run.digest is not None:
                continue
            if run.points <= curve:
                return Shown.of(run)
            store.supersede(run, "its training went back to a checkpoint")
        return None

    def _begin(self, store: Store, news: News) -> tuple[Shown, dict[str, str]]:
        """A new run, and the parameters that it is to be given."""
        variant, seed = news.cell.variant, news.cell.seed
        started = min((point.timestamp for point in news.points), default=ms(news.beat.time))
        run_id = store.create(f"{variant}-{seed}", started, news.tags)
        return Shown(run_id, set()), cell_params(Plan.read_if_there(self.paths.plan(variant)), variant, seed)


def _look(watched: Watched) -> News | None:
    """What is new of a cell that trains, or that is shown as if it did."""
    status = _status(watched.cell)  # before the curve: what has ended has no more points to come
    if status != "RUNNING" and watched.shown is None:
        return None
    cell = CellIdentity.read_if_there(watched.cell.identity)
    beat = Heartbeat.read_if_there(watched.cell.heartbeat)
    if not (cell and beat):
        return None
    points, anew = watched.curve.look()
    if watched.shown and watched.shown.status == status and not points and not anew:
        return None
    return News(cell, beat, status, points, anew)


def _status(cell: CellPaths) -> str:
    if cell.done.exists():
        return "FINISHED"
    if cell.failed.exists():
        return "FAILED"
    return "RUNNING" if owner(cell.folder) else "KILLED"


def _progress(beat: Heartbeat) -> str:
    return f"epoch {beat.epoch} of {beat.epochs}, {duration(beat.eta_seconds)} left"
