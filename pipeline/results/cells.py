"""How every cell of the study ended, as the evaluation takes it."""

from __future__ import annotations

from pipeline.cells.asked import asked
from pipeline.cells.state import standing
from pipeline.common.paths import CellPaths, Paths
from pipeline.records import Run
from pipeline.records.results import CellResult, CellResults
from pipeline.study.params import Cell, Study
from pipeline.study.plan import Fingerprints


def cell_results(study: Study, paths: Paths) -> CellResults:
    """Every cell that is asked for: done (with its run.json), failed (with the reason) or missing.

    A run that an older plan made counts as missing: its numbers belong to another experiment.
    """
    fingerprints = Fingerprints(paths)
    return CellResults(
        cells=[_result(cell, fingerprints.of(cell.variant, cell.seed), paths) for cell in asked(study, paths).cells]
    )


def _result(cell: Cell, fingerprint: str | None, paths: Paths) -> CellResult:
    run = Run.read_if_there(CellPaths(paths.run(cell.variant, cell.seed)).run)
    if run and run.fingerprint == fingerprint:
        return CellResult(variant=cell.variant, seed=cell.seed, state="done", reason=None, run=run)
    now = standing(cell, fingerprint, paths)
    failed = now.state == "failed"
    return CellResult(
        variant=cell.variant,
        seed=cell.seed,
        state="failed" if failed else "missing",
        reason=now.detail if failed else now.detail or now.state,
        run=None,
    )
