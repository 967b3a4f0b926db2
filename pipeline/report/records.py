"""The tables of what a study rests on: its data, its settings, its runs and their machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.common.progress import duration
from pipeline.records.card import SplitCounts
from pipeline.report.blocks import Column, Entry, Figure, Table
from pipeline.report.figures.sheet import Sheet
from pipeline.report.text import Markdown, code, escape
from pipeline.report.words import NOTHING, count
from pipeline.results.read import EvaluationPaths, Evidence


def settings(evidence: Evidence) -> Table:
    """What all runs share, once."""
    rows = [[Entry(key.replace("_", " ")), Entry(_value(value))] for key, value in evidence.study.shared.items()]
    return Table("Settings that all runs share", [Column("setting", False), Column("value", False)], rows)


def preview(evidence: Evidence) -> Figure | None:
    """The contact sheet of `prepare`, where there is one."""
    path = EvaluationPaths(evidence.folder).preview
    if not path.exists():
        return None
    size = "x".join(map(str, evidence.card.image_size or ()))
    caption = Markdown(f"Training pictures with their boxes as the detector is fed them, at {size}.")
    return Figure("preview", "Twelve training pictures with their boxes.", caption, Sheet(path))


def counts(evidence: Evidence) -> Table:
    """The article's table: boxes of each class in every split, and the totals."""
    splits = evidence.card.splits
    rows = [
        [Entry(name), *(Entry(count(found.classes[name]), found.classes[name]) for found in splits.values())]
        for name in evidence.card.classes
    ]
    return Table("Boxes of each class", [Column("class", False), *map(Column, splits)], rows)


def splits(evidence: Evidence) -> Table:
    """Images, boxes, sizes and boxes an image, a column a split."""
    found = evidence.card.splits
    facts: dict[str, Callable[[SplitCounts], str]] = {
        "images": lambda split: count(split.images),
        "boxes": lambda split: count(split.boxes),
        "crowd regions": lambda split: count(split.crowd),
        "images without boxes": lambda split: count(split.images_without_boxes),
        "small, medium, large boxes": lambda split: ", ".join(
            count(n) for n in (split.sizes.small, split.sizes.medium, split.sizes.large)
        ),
        "boxes an image: min, median, mean, max": lambda split: ", ".join(
            f"{value:.3g}" for each in [split.boxes_per_image] for value in (each.min, each.median, each.mean, each.max)
        ),
    }
    rows = [[Entry(title), *(Entry(fact(split)) for split in found.values())] for title, fact in facts.items()]
    return Table("The splits", [Column("", False), *map(Column, found)], rows)


def reproduce(evidence: Evidence) -> Table:
    study, comparison = evidence.study, evidence.comparison
    hardware = sorted({run.hardware for run in evidence.runs.values()})
    facts = {
        "git revision": study.git.revision or "not in a repository",
        "working tree": "with uncommitted changes" if study.git.dirty else "clean",
        "params.yaml (sha256)": study.params_sha256,
        "dvc.lock (sha256)": study.dvc_lock_sha256 or "not recorded",
        "data (digest)": evidence.card.digest,
        "seeds": ", ".join(map(str, comparison.seeds)),
        "device": "; ".join(hardware) or str(study.shared["device"]),
        "wall clock": NOTHING if study.wall_clock_seconds is None else duration(study.wall_clock_seconds),
        "device time": f"{study.device_hours:.2f} h",
        "resamples of the images": f"{count(comparison.resamples)}, seed {comparison.resample_seed}",
        "versions": ", ".join(f"{name} {version}" for name, version in study.versions.items()),
    }
    rows = [[Entry(key), Entry(value)] for key, value in facts.items()]
    return Table("What brings this study back", [Column("", False), Column("", False)], rows)


def runs(evidence: Evidence) -> Table:
    """Every finished run, with the fingerprint under which MLflow and the cell's working folder have it."""
    rows = [
        [
            Entry(name),
            Entry(str(seed), seed),
            Entry(duration(run.seconds), run.seconds),
            Entry(code(run.fingerprint[:16])),
        ]
        for (name, seed), run in evidence.runs.items()
    ]
    columns = [Column("variant", False), Column("seed"), Column("training"), Column("fingerprint", False)]
    return Table("Runs and their fingerprints", columns, rows)


def unfinished(evidence: Evidence) -> Table | None:
    """Failed, missing and resumed cells, with the reason where one is known."""
    rows = []
    for cell in evidence.cells:
        state, reason = str(cell.state), cell.reason or "no result was found"
        if cell.run:
            if cell.run.resumed_from is None:
                continue
            state, reason = "resumed", f"went on after epoch {cell.run.resumed_from}"
        rows.append([Entry(cell.variant), Entry(str(cell.seed), cell.seed), Entry(state), Entry(reason)])
    if not rows:
        return None
    columns = [Column("variant", False), Column("seed"), Column("state", False), Column("reason", False)]
    return Table("Failed, missing and resumed runs", columns, rows)


def differences(name: str, changed: Mapping[str, Sequence[Any]], titles: tuple[str, str]) -> Table | None:
    """Settings with two values, e.g. of the baseline and of a variant."""
    if not changed:
        return None
    rows = [[Entry(code(path)), *(Entry(_shown(value)) for value in pair)] for path, pair in changed.items()]
    return Table(name, [Column("setting", False), *(Column(title, False) for title in titles)], rows)


def _value(value: Any) -> str:
    """A setting as a reader writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _shown(value: Any, most: int = 240) -> Markdown:
    text = _value(value)
    return escape(text if len(text) <= most else text[: most - 1] + "…")
