"""`python -m pipeline status`: every cell of the study and where it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.table import Table

from pipeline.cells.asked import standings
from pipeline.cells.state import Standing
from pipeline.common.errors import UserError
from pipeline.common.paths import Paths
from pipeline.common.progress import duration, left
from pipeline.dispatch import slurm
from pipeline.study import Study, load

MARK = {
    "done": "[green]done[/]",
    "running": "[cyan]running[/]",
    "failed": "[red]failed[/]",
    "interrupted": "[yellow]interrupted[/]",
}
WIDEST = 12  # seeds beyond which a row counts its cells instead of naming each


def show(paths: Paths) -> None:
    """A row a variant, a column a seed, and the reasons of what failed below."""
    study = load(paths.params)
    cells = standings(study, paths)
    seeds = list(dict.fromkeys(s.cell.seed for s in cells))
    by_variant: dict[str, list[Standing]] = {name: [] for name in study.variants}
    for standing in cells:
        by_variant[standing.cell.variant].append(standing)
    counts: Counter[str] = Counter(standing.state for standing in cells)
    wide = len(seeds) > WIDEST
    table = Table("variant", *(["cells"] if wide else [f"seed {seed}" for seed in seeds]), title=f"study {study.study}")
    for name, row in by_variant.items():
        at = {standing.cell.seed: _cell(standing) for standing in row}
        table.add_row(
            name, *([_count(Counter[str](s.state for s in row))] if wide else [at.get(seed, "") for seed in seeds])
        )
    console = Console()
    console.print(table)
    for standing in cells:
        if standing.state == "failed" and standing.fingerprint:
            console.print(f"{standing.cell}: {standing.detail}", style="red", markup=False)
            console.print(f"  log: {paths.cell(standing.fingerprint).log}", markup=False, soft_wrap=True)
    for line in _jobs(study, paths, {standing.fingerprint: str(standing.cell) for standing in cells}):
        console.print(line, markup=False, highlight=False)
    console.print(f"{len(cells)} cells: {_count(counts)}{_left(cells)}", highlight=False)


def _jobs(study: Study, paths: Paths, names: Mapping[str | None, str]) -> Iterator[str]:
    """The cluster's word for each cell that was submitted to it and is not over."""
    jobs = slurm.jobs_of(study, paths)
    if not jobs:
        return
    try:
        states = slurm.job_states(jobs.values())
    except (UserError, FileNotFoundError):
        states = {}
    for fingerprint, job in jobs.items():
        yield f"{names[fingerprint]}: job {job}, {states.get(job, 'unknown here')}"


def _cell(standing: Standing) -> str:
    word = MARK.get(standing.state, standing.state)
    return f"{word}, {standing.detail}" if standing.state in ("running", "interrupted") else word


def _count(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {state}" for state, n in counts.items())


def _left(cells: list[Standing]) -> str:
    done = [s.seconds for s in cells if s.state == "done" and s.seconds is not None]
    seconds = left(done, sum(s.state != "done" for s in cells))
    return "" if seconds is None else f"; about {duration(seconds)} of training left, one cell at a time"
