"""Which runs of the store stay, which are completed, which are made and which are superseded. Pure.

A run is **complete** once it carries the digest of its record; what it holds then never changes. A run
without one is being written: by `watch` while its cell trains, or by a `sync` that was cut off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.tracking.record import Record


@dataclass(frozen=True)
class Existing:
    """A run in the store that is not superseded. `points` are the identities that an incomplete one holds."""

    run_id: str
    started: int
    status: str
    tags: dict[str, str]
    params: dict[str, str] = field(default_factory=dict)
    points: frozenset[tuple[str, str, int, int]] = frozenset()

    @property
    def key(self) -> str:
        return self.tags.get("key", "")

    @property
    def digest(self) -> str | None:
        return self.tags.get("digest")

    @property
    def cell(self) -> str | None:
        return self.tags.get("cell")


@dataclass(frozen=True)
class Plan:
    """`matches` pairs each record with the run that is or becomes it (None: make one), in the order given."""

    matches: list[tuple[Record, Existing | None]]
    superseded: list[tuple[Existing, str]]  # with the reason


def reconcile(records: Iterable[Record], existing: Iterable[Existing], cells: Iterable[str]) -> Plan:
    """Pair what the files say with what the store has; `cells` are the cells of the study."""
    records, existing, cells = list(records), sorted(existing, key=lambda run: run.run_id), set(cells)
    matches = [(record, _best(record, existing)) for record in records]
    kept = {run.run_id for _, run in matches if run}
    ends = {record.tags["cell"]: record.ended for record in records if "cell" in record.tags}
    keys = {record.key for record in records}
    superseded = [
        (run, _reason(run, keys, cells))
        for run in existing
        if run.run_id not in kept and not _is_live(run, cells, ends)
    ]
    return Plan(matches, superseded)


def completes(run: Existing, record: Record) -> bool:
    """Whether an incomplete run holds nothing but what the record says, so that it can become it."""
    wanted = {point.identity for point in record.points}
    same = all(record.params.get(name, value) == value for name, value in run.params.items())
    return same and run.points <= wanted


def _best(record: Record, existing: list[Existing]) -> Existing | None:
    """The complete run of these very contents, else an incomplete one that can still become it."""
    same = [run for run in existing if run.key == record.key]
    complete = [run for run in same if run.digest == record.digest]
    open_runs = [run for run in same if run.digest is None and completes(run, record)]
    return next(iter(complete or open_runs or _failed_while_watched(record, existing)), None)


def _failed_while_watched(record: Record, existing: list[Existing]) -> list[Existing]:
    """A failed cell has no run.json, so its record knows neither fingerprint nor curve: its watched run does."""
    if record.status != "FAILED":
        return []
    return [run for run in existing if run.digest is None and run.cell == record.tags["cell"]]


def _is_live(run: Existing, cells: set[str], ends: dict[str, int]) -> bool:
    """A cell that trains now, watched, and newer than the cell's last result in the files."""
    return run.digest is None and run.cell in cells and run.started > ends.get(run.cell or "", 0)


def _reason(run: Existing, keys: set[str], cells: set[str]) -> str:
    if run.cell is not None and run.cell not in cells:
        return "no longer in the study"
    return "its content changed" if run.key in keys else "another plan, seed or data set took its place"
