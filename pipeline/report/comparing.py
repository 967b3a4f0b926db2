"""Two studies side by side: what changed in settings, data and verdicts. Pure: two evaluations in, a view out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.common.nested import flatten
from pipeline.report import records
from pipeline.report.blocks import Alert, Column, Entry, Table
from pipeline.report.text import Markdown, escape
from pipeline.report.words import NOTHING, REPEAT, VERDICTS, count, interval, listing, number, signed
from pipeline.results.read import Evidence

SHOWN = ("better", "worse", "equivalent")
AGREEMENT = {
    "consistent": "Consistent, shown alike by both studies",
    "inconsistent": "Inconsistent, the studies contradict each other",
    "one": "Shown by one study, not by the other (no contradiction: not shown is not no effect)",
    "neither": "Shown by neither",
}


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
            "Settings that differ", _different(flatten(this.study.params), flatten(other.study.params)), names
        ),
        data=records.differences("Data that differ", _different(_data(this), _data(other)), names),
        verdicts=_verdicts(this, other, names),
        versions=records.differences(
            "Code, libraries and hardware that differ", _different(_provenance(this), _provenance(other)), names
        ),
    )


def _names(this: Evidence, other: Evidence) -> tuple[str, str]:
    names = this.study.study, other.study.study
    return names if names[0] != names[1] else (f"{names[0]} (this)", f"{names[1]} (other)")


def _alerts(this: Evidence, other: Evidence) -> list[Alert]:
    """Two studies are no experiment: between them, more than one thing may have changed."""
    text = "These are two studies, not one comparison: no interval here covers the difference between them."
    if this.card.digest != other.card.digest:
        text += " Their data differ, so their AP do not measure the same thing."
    return [Alert("IMPORTANT", [text])]


def _summary(this: Evidence, other: Evidence) -> list[Markdown]:
    """Which verdicts agree, which contradict each other, and which variants only one study has."""
    both = [name for name in this.others if name in other.others]
    agreement: dict[str, list[str]] = {meaning: [] for meaning in AGREEMENT}
    for name in both:
        agreement[_agreement(this, other, name)].append(name)
    lines = [f"{title}: {_listing(agreement[meaning])}." for meaning, title in AGREEMENT.items()]
    lines += [f"Only in this study: {_listing(only)}." for only in [_only(this, other)] if only]
    lines += [f"Only in the other study: {_listing(only)}." for only in [_only(other, this)] if only]
    return [Markdown(line) for line in lines]


def _agreement(this: Evidence, other: Evidence, name: str) -> str:
    """A key of AGREEMENT. What was not shown contradicts nothing: that study was too small to tell."""
    shown = [verdict for side in (this, other) if (verdict := side.outcomes[name].verdict) in SHOWN]
    if len(shown) < 2:
        return "one" if shown else "neither"
    return "consistent" if shown[0] == shown[1] else "inconsistent"


def _only(mine: Evidence, theirs: Evidence) -> list[str]:
    return [name for name in mine.names if name not in theirs.study.variants]


def _listing(names: Sequence[str]) -> str:
    return listing([str(escape(name)) for name in names], 12) if names else "none"


def _verdict(evidence: Evidence, name: str) -> str:
    row = evidence.comparison.variants.get(name)
    if name == evidence.baseline:
        return "baseline"
    if name in evidence.repeats:
        return REPEAT
    return VERDICTS[row.verdict] if row and row.verdict else "not in the study"


def _verdicts(this: Evidence, other: Evidence, names: tuple[str, str]) -> Table:
    every = list(dict.fromkeys([*this.names, *other.names]))
    rows = [[Entry(name), *(cell for side in (this, other) for cell in _side(side, name))] for name in every]
    columns = [Column("variant", False)]
    for name, side in zip(names, (this, other), strict=True):
        columns += [
            Column(f"{side.comparison.primary} (n), {name}"),
            Column(Markdown("difference [interval]")),
            Column("verdict", False),
        ]
    return Table("Verdicts of both studies", columns, rows)


def _side(evidence: Evidence, name: str) -> list[Entry]:
    row = evidence.comparison.variants.get(name)
    if row is None:
        return [Entry(NOTHING), Entry(NOTHING), Entry(_verdict(evidence, name))]
    difference = Markdown(NOTHING)
    if row.delta is not None and name != evidence.baseline:
        bounds = f" {interval(row.ci_low, row.ci_high)}" if row.ci_low is not None else ""
        difference = Markdown(f"{signed(row.delta)}{bounds}")
    score = NOTHING if row.mean is None else f"{number(row.mean)} ({row.n})"
    return [Entry(score, row.mean), Entry(difference, row.delta), Entry(_verdict(evidence, name))]


def _data(evidence: Evidence) -> dict[str, str]:
    """What the numbers rest on, as {fact: value}."""
    facts = {"name": evidence.card.name, "digest": evidence.card.digest}
    for split, found in evidence.card.splits.items():
        facts |= {f"{split}: images": count(found.images), f"{split}: boxes": count(found.boxes)}
        facts |= {f"{split}: {name}": count(boxes) for name, boxes in found.classes.items()}
    return facts | {"reported split": evidence.comparison.split}


def _provenance(evidence: Evidence) -> dict[str, Any]:
    study = evidence.study
    hardware = sorted({run.hardware for run in evidence.runs.values()})
    return {"git revision": study.git.revision, "hardware": hardware, **study.versions}


def _different(this: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """{key: [this, other]} where they differ; what one lacks is "not set"."""
    every = list(dict.fromkeys([*this, *other]))
    pairs = {key: (this.get(key, "not set"), other.get(key, "not set")) for key in every}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
