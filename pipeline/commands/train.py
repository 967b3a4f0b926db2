"""One cell: for DVC, which collects it, and for another machine, which leaves it in its working folder."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.cells import state
from pipeline.cells.run import run
from pipeline.common.errors import UserError
from pipeline.common.paths import Paths
from pipeline.common.progress import duration, left, say
from pipeline.records import Plan
from pipeline.study import Cell, Study, load_complete
from pipeline.study.plan import Fingerprints

COLLECT_ONLY = "ABLATION_COLLECT_ONLY"  # set by `make repro`: its dispatcher has tried, nothing is trained here


def train(paths: Paths, variant: str, seed: int) -> None:
    """Train the cell or take it as a dispatcher left it, then collect it."""
    study = load_complete(paths.params)
    cell = Cell(variant, seed)
    if variant not in study.variants or seed not in study.seeds:
        raise UserError(
            f"{paths.params} has no cell {variant} seed {seed}; allowed: {', '.join(map(str, study.cells()))}"
        )
    say(progress_line(study, cell, paths))
    if os.environ.get(COLLECT_ONLY):
        _refuse_unfinished(cell, paths)
    identity = run(Plan.read(paths.plan(variant)), seed, paths)
    if Fingerprints(paths).of(variant, seed) != identity:
        raise UserError(
            f"{paths.plan(variant)} or {paths.manifest} changed while {variant} seed {seed} trained; what was trained "
            f"is kept in {paths.cell(identity).folder}, `dvc repro` trains the new plan"
        )
    state.collect(cell, identity, paths)


def train_plan(paths: Paths, plan: Path, seed: int) -> None:
    """One cell of a plan file, without DVC and uncollected."""
    run(Plan.read(plan), seed, paths)


def _refuse_unfinished(cell: Cell, paths: Paths) -> None:
    """A dispatcher has just tried and is not overruled; nothing is to train on a cluster's login node."""
    now = state.standing(cell, Fingerprints(paths).of(cell.variant, cell.seed), paths)
    if now.state != "done":
        raise UserError(f"{cell}: {now.state}, {now.detail}" if now.detail else f"{cell}: {now.state}")


def progress_line(study: Study, cell: Cell, paths: Paths) -> str:
    """`cbam seed 1: cell 8 of 33, 7 done, 26 to go, about 25m left`, the time from the cells done."""
    standings = list(state.standings(study, paths))
    done = [standing.seconds for standing in standings if standing.state == "done" and standing.seconds is not None]
    to_go = len(standings) - len(done)
    number = next(i for i, standing in enumerate(standings, 1) if standing.cell == cell)
    seconds = left(done, to_go)
    rest = "" if seconds is None else f", about {duration(seconds)} left"
    return f"{cell.variant} seed {cell.seed}: cell {number} of {len(standings)}, {len(done)} done, {to_go} to go{rest}"
