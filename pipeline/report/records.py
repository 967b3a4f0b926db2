"""The tables of what a study rests on: its data, its settings, its runs and their machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.blocks import Cell, Column, Table
from pipeline.report.text import Markdown, code, escape
from pipeline.report.words import NOTHING, count, duration, plural
from pipeline.results.read import Evidence


def settings(evidence: Evidence) -> Table:
    """What all runs share, once."""
    rows = [[Cell(key.replace("_", " ")), Cell(_value(value))] for key, value in evidence.study["shared"].items()]
    return Table("Settings that all runs share", [Column("setting", False), Column("value", False)], rows)


def cost_note(evidence: Evidence) -> Markdown:
    """How the costs of the headline table were measured, and what FLOPs leave out."""
    cost = evidence.cost
    if not cost:
        return Markdown("Costs were not measured.")
    width, height = cost["image_size"]
    uncounted = sorted({op for row in cost["variants"].values() for op in row.get("uncounted", {})})
    left_out = f" Not counted in GFLOPs: {', '.join(code(op) for op in uncounted)}." if uncounted else ""
    return Markdown(
        f"Costs: one image of {width} x {height} pixels on {escape(cost['hardware'])}, "
        f"{plural(cost['threads'], 'thread')}, {plural(cost['rounds'], 'round')}, all variants in turn.{left_out}"
    )


def counts(evidence: Evidence) -> Table | None:
    """The article's table: boxes of each class in every split, and the totals."""
    splits: dict[str, Any] = evidence.card.get("splits", {})
    if not splits:
        return None
    rows = [
        [Cell(name), *(Cell(count(facts["classes"][name]), facts["classes"][name]) for facts in splits.values())]
        for name in next(iter(splits.values()))["classes"]
    ]
    return Table("Boxes of each class", [Column("class", False), *map(Column, splits)], rows)


def splits(evidence: Evidence) -> Table | None:
    """Images, boxes, sizes and boxes an image, a column a split."""
    found: dict[str, Any] = evidence.card.get("splits", {})
    if not found:
        return None
    facts = {
        "images": lambda split: count(split["images"]),
        "boxes": lambda split: count(split["boxes"]),
        "crowd regions": lambda split: count(split.get("crowd")),
        "images without boxes": lambda split: count(split["images_without_boxes"]),
        "small, medium, large boxes": lambda split: ", ".join(count(n) for n in split["sizes"].values()),
        "boxes an image: min, median, mean, max": lambda split: ", ".join(
            f"{split['boxes_per_image'][key]:.3g}" for key in ("min", "median", "mean", "max")
        ),
    }
    rows = [[Cell(title), *(Cell(fact(split)) for split in found.values())] for title, fact in facts.items()]
    return Table("The splits", [Column("", False), *map(Column, found)], rows)


def reproduce(evidence: Evidence) -> Table:
    study, comparison = evidence.study, evidence.comparison
    hardware = sorted({str(run["hardware"]) for run in evidence.runs.values() if run.get("hardware")})
    facts: list[tuple[str, Any]] = [
        ("git revision", study["git"]["revision"]),
        ("working tree", "with uncommitted changes" if study["git"]["dirty"] else "clean"),
        ("params.yaml (sha256)", study["params_sha256"]),
        ("dvc.lock (sha256)", study.get("dvc_lock_sha256") or "not recorded"),
        ("data (digest)", evidence.card.get("digest") or "not recorded"),
        ("seeds", ", ".join(map(str, comparison["seeds"]))),
        ("device", "; ".join(hardware) or study["shared"].get("device", "not recorded")),
        ("wall clock", duration(study.get("wall_clock_seconds"))),
        ("device time", NOTHING if study.get("device_hours") is None else f"{study['device_hours']:.2f} h"),
        ("resamples of the images", f"{count(comparison['resamples'])}, seed {comparison['resample_seed']}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in study["versions"].items())),
    ]
    rows = [[Cell(key), Cell(str(value))] for key, value in facts]
    return Table("What brings this study back", [Column("", False), Column("", False)], rows)


def runs(evidence: Evidence) -> Table:
    """Every finished run, with the fingerprint under which MLflow and the scratch folder have it."""
    rows = [
        [
            Cell(name),
            Cell(str(seed), seed),
            Cell(duration(run.get("seconds")), run.get("seconds")),
            Cell(code(str(run["fingerprint"])[:16])),
        ]
        for (name, seed), run in evidence.runs.items()
    ]
    columns = [Column("variant", False), Column("seed"), Column("training"), Column("fingerprint", False)]
    return Table("Runs and their fingerprints", columns, rows)


def unfinished(evidence: Evidence) -> Table | None:
    """Failed, missing and resumed cells, with the reason where one is known."""
    rows = []
    for cell in evidence.cells:
        resumed = (cell.get("run") or {}).get("resumed_from")
        if cell["state"] == "done" and resumed is None:
            continue
        state = cell["state"] if cell["state"] != "done" else "resumed"
        reason = cell.get("reason") or (
            f"went on after epoch {resumed}" if resumed is not None else "no result was found"
        )
        rows.append([Cell(cell["variant"]), Cell(str(cell["seed"]), cell["seed"]), Cell(state), Cell(reason)])
    if not rows:
        return None
    columns = [Column("variant", False), Column("seed"), Column("state", False), Column("reason", False)]
    return Table("Failed, missing and resumed runs", columns, rows)


def differences(name: str, changed: Mapping[str, Sequence[Any]], titles: tuple[str, str]) -> Table | None:
    """Settings with two values, e.g. of the baseline and of a variant."""
    if not changed:
        return None
    rows = [[Cell(code(path)), *(Cell(_shown(value)) for value in pair)] for path, pair in changed.items()]
    return Table(name, [Column("setting", False), *(Column(title, False) for title in titles)], rows)


def _value(value: Any) -> str:
    """A setting as a reader writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _shown(value: Any, most: int = 240) -> Markdown:
    text = str(_value(value))
    return escape(text if len(text) <= most else text[: most - 1] + "…")
