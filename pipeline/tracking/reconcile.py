"""Which runs of the store stay, which are completed, which are made and which are superseded. Pure.

A run is **complete** once it carries the digest of its content; what it holds then never changes. A run
without one is being written: by `watch` while its cell trains, or by a `sync` that was cut off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.tracking.content import Content


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
class Reconciliation:
    """`matches` pairs each content with the run that is or becomes it (None: make one), in the order given."""

    matches: list[tuple[Content, Existing | None]]
    superseded: list[tuple[Existing, str]]  # with the reason


def reconcile(contents: Iterable[Content], existing: Iterable[Existing], cells: Iterable[str]) -> Reconciliation:
    """Pair what the files say with what the store has; `cells` are the cells of the study."""
    contents, existing, cells = list(contents), sorted(existing, key=lambda run: run.run_id), set(cells)
    matches = [(content, _best(content, existing)) for content in contents]
    kept = {run.run_id for _, run in matches if run}
    ends = {content.tags["cell"]: content.ended for content in contents if "cell" in content.tags}
    keys = {content.key for content in contents}
    superseded = [
        (run, _reason(run, keys, cells))
        for run in existing
        if run.run_id not in kept and not _is_live(run, cells, ends)
    ]
    return Reconciliation(matches, superseded)


def completes(run: Existing, content: Content) -> bool:
    """Whether an incomplete run holds nothing but what the content says, so that it can become it."""
    wanted = {point.identity for point in content.points}
    same = all(content.params.get(name, value) == value for name, value in run.params.items())
    return same and run.points <= wanted


def _best(content: Content, existing: list[Existing]) -> Existing | None:
    """The complete run of these very contents, else an incomplete one that can still become it."""
    same = [run for run in existing if run.key == content.key]
    complete = [run for run in same if run.digest == content.digest]
    open_runs = [run for run in same if run.digest is None and completes(run, content)]
    return next(iter(complete or open_runs or _failed_while_watched(content, existing)), None)


def _failed_while_watched(content: Content, existing: list[Existing]) -> list[Existing]:
    """A failed cell has no run.json, so its content knows neither fingerprint nor curve: its watched run does."""
    if content.status != "FAILED":
        return []
    return [run for run in existing if run.digest is None and run.cell == content.tags["cell"]]


def _is_live(run: Existing, cells: set[str], ends: dict[str, int]) -> bool:
    """A cell that trains now, watched, and newer than the cell's last result in the files."""
    return run.digest is None and run.cell in cells and run.started > ends.get(run.cell or "", 0)


def _reason(run: Existing, keys: set[str], cells: set[str]) -> str:
    if run.cell is not None and run.cell not in cells:
        return "no longer in the study"
    return "its content changed" if run.key in keys else "another plan, seed or data set took its place"
