"""Two studies side by side: what changed in settings, data and verdicts. Pure: two evaluations in, a view out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report import records
from pipeline.report.blocks import Alert, Cell, Column, Table
from pipeline.report.text import Markdown, escape
from pipeline.report.words import NOTHING, VERDICTS, count, interval, listing, number, signed
from pipeline.results.read import Evidence


@dataclass(frozen=True)
class Changes:
    """`this` and `other` name the two studies; None where nothing of a kind differs."""

    this: str
    other: str
    alerts: Sequence[Alert]
    summary: Sequence[Markdown]
    settings: Table | None
    data: Table | None
    verdicts: Table
    versions: Table | None


def changes(this: Evidence, other: Evidence) -> Changes:
    names = _names(this, other)
    return Changes(
        this=names[0],
        other=names[1],
        alerts=_alerts(this, other),
        summary=_summary(this, other),
        settings=records.differences(
            "Settings that differ", _different(_flat(this.study["params"]), _flat(other.study["params"])), names
        ),
        data=records.differences("Data that differ", _different(_data(this), _data(other)), names),
        verdicts=_verdicts(this, other, names),
        versions=records.differences(
            "Code, libraries and hardware that differ", _different(_provenance(this), _provenance(other)), names
        ),
    )


def _names(this: Evidence, other: Evidence) -> tuple[str, str]:
    names = str(this.study["study"]), str(other.study["study"])
    return names if names[0] != names[1] else (f"{names[0]} (this)", f"{names[1]} (other)")


def _alerts(this: Evidence, other: Evidence) -> list[Alert]:
    """Two studies are no experiment: between them, more than one thing may have changed."""
    text = "These are two studies, not one comparison: no interval here covers the difference between them."
    if this.card.get("digest") != other.card.get("digest"):
        text += " Their data differ, so their AP do not measure the same thing."
    return [Alert("IMPORTANT", [text])]


def _summary(this: Evidence, other: Evidence) -> list[Markdown]:
    """Which verdicts changed, and which variants only one study has."""
    both = [name for name in this.others if name in other.comparison["variants"]]
    changed = [name for name in both if _verdict(this, name) != _verdict(other, name)]
    lines = [f"Verdicts that differ: {_listing(changed)}.", f"Variants of both studies: {_listing(both)}."]
    lines += [f"Only in this study: {_listing(only)}." for only in [_only(this, other)] if only]
    lines += [f"Only in the other study: {_listing(only)}." for only in [_only(other, this)] if only]
    return [Markdown(line) for line in lines]


def _only(mine: Evidence, theirs: Evidence) -> list[str]:
    return [name for name in mine.names if name not in theirs.study["variants"]]


def _listing(names: Sequence[str]) -> str:
    return listing([str(escape(name)) for name in names], 12) if names else "none"


def _verdict(evidence: Evidence, name: str) -> str:
    row = evidence.comparison["variants"].get(name)
    if name == evidence.baseline:
        return "baseline"
    return VERDICTS[row["verdict"]] if row and row["verdict"] else "not in the study"


def _verdicts(this: Evidence, other: Evidence, names: tuple[str, str]) -> Table:
    every = list(dict.fromkeys([*this.names, *other.names]))
    rows = [[Cell(name), *(cell for side in (this, other) for cell in _side(side, name))] for name in every]
    columns = [Column("variant", False)]
    for name, side in zip(names, (this, other), strict=True):
        primary = side.comparison["primary"]
        columns += [
            Column(f"{primary} (n), {name}"),
            Column(Markdown("difference [interval]")),
            Column("verdict", False),
        ]
    return Table("Verdicts of both studies", columns, rows)


def _side(evidence: Evidence, name: str) -> list[Cell]:
    row: Mapping[str, Any] = evidence.comparison["variants"].get(name, {})
    mean, delta = row.get("mean"), row.get("delta")
    difference = Markdown(NOTHING)
    if delta is not None and name != evidence.baseline:
        bounds = f" {interval(row['ci_low'], row['ci_high'])}" if row["ci_low"] is not None else ""
        difference = Markdown(f"{signed(delta)}{bounds}")
    score = NOTHING if mean is None else f"{number(mean)} ({row['n']})"
    return [Cell(score, mean), Cell(difference, delta), Cell(_verdict(evidence, name))]


def _data(evidence: Evidence) -> dict[str, Any]:
    """What the numbers rest on, as {fact: value}."""
    facts: dict[str, Any] = {key: evidence.card.get(key) for key in ("name", "digest")}
    for split, row in evidence.card.get("splits", {}).items():
        facts |= {f"{split}: images": count(row["images"]), f"{split}: boxes": count(row["boxes"])}
        facts |= {f"{split}: {name}": count(boxes) for name, boxes in row["classes"].items()}
    return facts | {"reported split": evidence.comparison["split"]}


def _provenance(evidence: Evidence) -> dict[str, Any]:
    study = evidence.study
    hardware = sorted({str(run["hardware"]) for run in evidence.runs.values()})
    return {"git revision": study["git"]["revision"], "hardware": hardware, **study["versions"]}


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """Nested settings as {dotted path: value}; lists are values."""
    if not isinstance(value, Mapping) or not value:
        return {path: value}
    found: dict[str, Any] = {}
    for key, item in value.items():
        found |= _flat(item, f"{path}.{key}" if path else str(key))
    return found


def _different(this: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """{key: [this, other]} where they differ; what one lacks is "not set"."""
    every = list(dict.fromkeys([*this, *other]))
    pairs = {key: (this.get(key, "not set"), other.get(key, "not set")) for key in every}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
