"""One cell: for DVC, which collects it, and for another machine, which leaves it in its working folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pipeline.cells import asked, state
from pipeline.cells.claims import owner
from pipeline.cells.run import run
from pipeline.common.errors import UserError
from pipeline.common.paths import CellPaths, Paths
from pipeline.common.progress import duration, left, say
from pipeline.records import Plan, Run
from pipeline.records.looks import Beyond
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
    state.collect(cell, _trained(cell, paths), paths)


def more(paths: Paths) -> None:
    """Train and collect what is asked for beyond variants x seeds: the baseline's own seeds, and those of later looks.

    DVC leaves this folder alone (`persist`), so cells that are still asked for stay, and others go.
    """
    study = load_complete(paths.params)
    among = {Cell(variant, seed) for variant in study.variants for seed in study.seeds}
    fingerprints = Fingerprints(paths)
    while True:
        now = asked.asked(study, paths)
        beyond = [cell for cell in now.cells if cell not in among]
        missing = [cell for cell in beyond if not _collected(cell, fingerprints, paths)]
        if not missing:
            break
        unfinished = [cell for cell in missing if not _collect(study, cell, paths)]
        if unfinished:
            break
    for folder in paths.more.glob("*/*/"):
        if not any(folder == paths.more_run(cell.variant, cell.seed) for cell in beyond):
            shutil.rmtree(folder)
    Beyond(cells=[str(cell) for cell in beyond], looks=now.looks).write(paths.beyond)
    if missing:  # what there is can be evaluated all the same
        raise UserError(f"not finished: {', '.join(map(str, unfinished))}; `python -m pipeline status` says why")
    say(f"{len(beyond)} cells beyond variants x seeds")


def _collect(study: Study, cell: Cell, paths: Paths) -> bool:
    """Train the cell, unless a dispatcher has just tried, and put it into data/more; whether it is there now."""
    say(progress_line(study, cell, paths))
    identity = Fingerprints(paths).of(cell.variant, cell.seed)
    if os.environ.get(COLLECT_ONLY) and not (identity and state.finished(cell, identity, paths)):
        return False
    state.collect(cell, _trained(cell, paths), paths, paths.more_run(cell.variant, cell.seed))
    return True


def rerun(paths: Paths, variant: str, seed: int) -> None:
    """Train one cell anew, from its first epoch: what it left is forgotten, then DVC trains and collects it."""
    study, cell = load_complete(paths.params), Cell(variant, seed)
    if cell not in asked.asked(study, paths).cells:
        raise UserError(
            f"{paths.params} asks for no cell {variant} seed {seed}; `python -m pipeline status` lists them"
        )
    identity = Fingerprints(paths).of(variant, seed)
    if identity:
        working = paths.cell(identity).folder
        holder = owner(working)
        if holder:
            raise UserError(f"{cell} is being trained by {holder}; wait for it, or stop it first")
        shutil.rmtree(working, ignore_errors=True)
    shutil.rmtree(paths.run(variant, seed), ignore_errors=True)
    stage = f"train@{cell}" if seed in study.seeds else "more"
    say(f"forgotten; `dvc repro --single-item --force {stage}` trains it again, then `dvc repro`")


def _trained(cell: Cell, paths: Paths) -> str:
    """The fingerprint of the cell, trained. Raises UserError where its plan changed meanwhile."""
    identity = run(Plan.read(paths.plan(cell.variant)), cell.seed, paths)
    if Fingerprints(paths).of(cell.variant, cell.seed) != identity:
        raise UserError(
            f"{paths.plan(cell.variant)} or {paths.manifest} changed while {cell.variant} seed {cell.seed} trained; "
            f"what was trained is kept in {paths.cell(identity).folder}, `dvc repro` trains the new plan"
        )
    return identity


def _collected(cell: Cell, fingerprints: Fingerprints, paths: Paths) -> bool:
    run = Run.read_if_there(CellPaths(paths.more_run(cell.variant, cell.seed)).run)
    return run is not None and run.fingerprint == fingerprints.of(cell.variant, cell.seed)


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
    standings = asked.standings(study, paths)
    done = [standing.seconds for standing in standings if standing.state == "done" and standing.seconds is not None]
    to_go = len(standings) - len(done)
    number = next(i for i, standing in enumerate(standings, 1) if standing.cell == cell)
    seconds = left(done, to_go)
    rest = "" if seconds is None else f", about {duration(seconds)} left"
    return f"{cell.variant} seed {cell.seed}: cell {number} of {len(standings)}, {len(done)} done, {to_go} to go{rest}"
