"""Which cells a study asks for now: all of its first look, and of each later look what the one before left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.cells.state import Standing, finished, predictions, standing
from pipeline.common.files import digest
from pipeline.common.paths import Paths
from pipeline.records import Manifest
from pipeline.records.looks import Decision, Decisions
from pipeline.study.params import Cell, Study
from pipeline.study.plan import Fingerprints


@dataclass(frozen=True)
class Asked:
    """`cells` in the order in which they are wanted; `looks` are those held, `waiting` the number of seeds of the look
    whose cells are not all there, None where nothing is left to look at."""

    cells: list[Cell]
    looks: list[Decision] = field(default_factory=list)
    waiting: int | None = None

    @property
    def open(self) -> list[str]:
        """Variants that the last look left open; all, where none was held."""
        return [v for v, decision in self.looks[-1].decisions.items() if decision == "open"] if self.looks else []


def asked(study: Study, paths: Paths) -> Asked:
    """Without `evaluation.looks`, the cells of params.yaml. A look is worked out once all its cells are finished."""
    cells = list(study.cells())
    looks = study.evaluation.looks
    if not looks:
        return Asked(cells)
    fingerprints = Fingerprints(paths)
    held: list[Decision] = []
    going_on = [v for v in study.variants if v not in study.repeats]
    before = 0
    for number, k in enumerate(looks):
        seeds = study.seeds_of_all_looks[before:k]
        new = [Cell(v, s) for v in going_on for s in seeds] if number else cells
        cells = [*cells, *new] if number else cells
        if not all(_finished(cell, fingerprints, paths) for cell in new):
            return Asked(cells, held, k)
        held.append(_held(study, cells, held, k, fingerprints, paths))
        still_open = [v for v, decision in held[-1].decisions.items() if decision == "open"]
        if not still_open:
            break
        going_on, before = [study.evaluation.baseline, *still_open], k
    return Asked(cells, held)


def standings(study: Study, paths: Paths) -> list[Standing]:
    """Every cell that is asked for, in order; cheap enough for ten thousand."""
    fingerprints = Fingerprints(paths)
    return [standing(c, fingerprints.of(c.variant, c.seed), paths) for c in asked(study, paths).cells]


def _finished(cell: Cell, fingerprints: Fingerprints, paths: Paths) -> bool:
    identity = fingerprints.of(cell.variant, cell.seed)
    return identity is not None and finished(cell, identity, paths) is not None


def _held(
    study: Study, cells: Sequence[Cell], before: Sequence[Decision], k: int, fingerprints: Fingerprints, paths: Paths
) -> Decision:
    """The decision of a look, as it was worked out before or now."""
    settings = study.evaluation.model_dump(mode="json")
    key = digest([settings, k, sorted([c.variant, fingerprints.of(c.variant, c.seed)] for c in cells)])
    known = Decisions.read_if_there(paths.decisions)
    looks = known.looks if known else []
    for look in looks:
        if look.key == key:
            return look
    look = _decide(study, cells, key, k, fingerprints, paths)
    Decisions(looks=[*(old for old in looks if old in before), look]).write(paths.decisions)
    return look


def _decide(
    study: Study, cells: Sequence[Cell], key: str, k: int, fingerprints: Fingerprints, paths: Paths
) -> Decision:
    from pipeline import evaluation

    manifest = Manifest.read(paths.manifest)
    runs: dict[str, dict[int, Path]] = {}
    for cell in cells:
        if cell.variant not in study.repeats:
            identity = fingerprints.of(cell.variant, cell.seed)
            assert identity is not None
            file = predictions(cell, identity, paths)
            assert file is not None, f"{cell} is not finished"  # a look is worked out once all its cells are
            runs.setdefault(cell.variant, {})[cell.seed] = file
    held = evaluation.decide(
        paths.coco / manifest.reported.annotations,
        runs,
        baseline=study.evaluation.baseline,
        seeds=study.seeds_of_all_looks,
        settings=evaluation.Settings.of(study.evaluation),
    )
    found = next(look for look in held if look.seeds == k)
    return Decision(key=key, seeds=k, alpha=found.alpha, decisions=found.decisions)
