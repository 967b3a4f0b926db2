"""Bring the MLflow store to what the files say, and change nothing where it says so already."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.tracking import sources
from pipeline.tracking.connect import one_writer, open_store, resolve, shown
from pipeline.tracking.errors import store_errors
from pipeline.tracking.projection import project
from pipeline.tracking.reconcile import Plan, reconcile
from pipeline.tracking.record import Record
from pipeline.tracking.registry import register
from pipeline.tracking.store import Store, parent_tag

ROUNDS = 3  # the first writes; a second looks again, since another machine may have written the same runs


@dataclass(frozen=True)
class Receipt:
    """What one sync did: numbers of runs, where, and which model version stands as best (None: none does)."""

    experiment: str
    experiment_id: str
    uri: str
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    registered: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def sync(root: Path, *, uri: str | None = None) -> Receipt:
    """Reconcile the store with the study under `root`.

    `uri` is an MLflow address; by default MLFLOW_TRACKING_URI, else `mlflow.db` under `root`. Raises
    UserError where the study's files are wrong, TrackingError where the store fails.
    """
    address = resolve(root, uri)
    found = sources.read(root)
    records = project(found)
    cells = [str(cell) for cell in found.study.cells()]
    with one_writer(root), store_errors(shown(root, address)):
        store = open_store(root, address, found.study.study)
        receipt = Receipt(found.study.study, store.experiment_id, shown(root, address))
        for _ in range(ROUNDS):
            plan = reconcile(records, store.runs(), cells)
            if not _has_work(plan):
                break
            receipt = _apply(store, plan, receipt)
        registered = register(store, found) if found.study.tracking.register_best else None
        return replace(receipt, unchanged=len(records) - receipt.created - receipt.updated, registered=registered)


def _apply(store: Store, plan: Plan, receipt: Receipt) -> Receipt:
    """Carry out a plan, parents before their children; returns the receipt with what was done added."""
    created, updated = receipt.created, receipt.updated
    ids: dict[str, str] = {}
    for record, run in plan.matches:
        tags = _tags(record, ids)
        if run is None:
            ids[record.key] = store.create(record.name, record.started, tags)
            store.complete(ids[record.key], record, None)
            created += 1
            continue
        ids[record.key] = run.run_id
        changed = {name: value for name, value in tags.items() if run.tags.get(name) != value}
        store.write(run.run_id, tags=changed)
        if run.digest is None:
            store.complete(run.run_id, record, run)
        updated += bool(changed or run.digest is None)
    for superseded, reason in plan.superseded:
        store.supersede(superseded, reason)
    return replace(receipt, created=created, updated=updated, superseded=receipt.superseded + len(plan.superseded))


def _has_work(plan: Plan) -> bool:
    ids = {record.key: run.run_id for record, run in plan.matches if run}
    return bool(plan.superseded) or any(
        run is None or run.digest is None or not _tags(record, ids).items() <= run.tags.items()
        for record, run in plan.matches
    )


def _tags(record: Record, ids: dict[str, str]) -> dict[str, str]:
    """A record's tags, with its parent's run where that is known."""
    return record.tags | (parent_tag(ids[record.parent]) if record.parent in ids else {})
