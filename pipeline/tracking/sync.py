"""Bring the MLflow store to what the files say, and change nothing where it says so already."""

from __future__ import annotations

from pipeline.common.paths import Paths
from pipeline.records import Record
from pipeline.tracking import sources
from pipeline.tracking.connect import one_writer, open_store, resolve, shown
from pipeline.tracking.content import Content
from pipeline.tracking.errors import store_errors
from pipeline.tracking.projection import project
from pipeline.tracking.reconcile import Reconciliation, reconcile
from pipeline.tracking.registry import register
from pipeline.tracking.store import Store, parent_tag

ROUNDS = 3  # the first writes; a second looks again, since another machine may have written the same runs


class Receipt(Record):
    """What one sync did: numbers of runs, where, and which model version stands as best (None: none does)."""

    experiment: str
    experiment_id: str
    uri: str
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    registered: str | None = None

    def __str__(self) -> str:
        return ", ".join(f"{name} {getattr(self, name)}" for name in ("created", "updated", "unchanged", "superseded"))


def sync(paths: Paths, *, uri: str | None = None) -> Receipt:
    """Reconcile the store with the study's files.

    `uri` is an MLflow address; by default MLFLOW_TRACKING_URI, else the study's own store. Raises UserError where the
    study's files are wrong, TrackingError where the store fails.
    """
    address = resolve(paths, uri)
    found = sources.read(paths)
    contents = project(found)
    looked_for = [f"{cell.variant}-{cell.seed}" for cell in found.evidence.cells]  # those of later looks too
    cells = list(dict.fromkeys([*map(str, found.study.cells()), *looked_for]))
    with one_writer(paths), store_errors(shown(paths, address)):
        store = open_store(paths, address, found.study.study)
        receipt = Receipt(experiment=found.study.study, experiment_id=store.experiment_id, uri=shown(paths, address))
        for _ in range(ROUNDS):
            plan = reconcile(contents, store.runs(), cells)
            if not _has_work(plan):
                break
            receipt = _apply(store, plan, receipt)
        registered = register(store, found) if found.study.tracking.register_best else None
        unchanged = len(contents) - receipt.created - receipt.updated
        return receipt.model_copy(update={"unchanged": unchanged, "registered": registered})


def _apply(store: Store, plan: Reconciliation, receipt: Receipt) -> Receipt:
    """Carry out a plan, parents before their children; returns the receipt with what was done added."""
    created, updated = receipt.created, receipt.updated
    ids: dict[str, str] = {}
    for content, run in plan.matches:
        tags = _tags(content, ids)
        if run is None:
            ids[content.key] = store.create(content.name, content.started, tags)
            store.complete(ids[content.key], content, None)
            created += 1
            continue
        ids[content.key] = run.run_id
        changed = {name: value for name, value in tags.items() if run.tags.get(name) != value}
        store.write(run.run_id, tags=changed)
        if run.digest is None:
            store.complete(run.run_id, content, run)
        updated += bool(changed or run.digest is None)
    for superseded, reason in plan.superseded:
        store.supersede(superseded, reason)
    gone = receipt.superseded + len(plan.superseded)
    return receipt.model_copy(update={"created": created, "updated": updated, "superseded": gone})


def _has_work(plan: Reconciliation) -> bool:
    ids = {content.key: run.run_id for content, run in plan.matches if run}
    return bool(plan.superseded) or any(
        run is None or run.digest is None or not _tags(content, ids).items() <= run.tags.items()
        for content, run in plan.matches
    )


def _tags(content: Content, ids: dict[str, str]) -> dict[str, str]:
    """A content's tags, with its parent's run where that is known."""
    return content.tags | (parent_tag(ids[content.parent]) if content.parent in ids else {})
