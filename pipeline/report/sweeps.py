"""Variants that differ in one number alone, e.g. a module's reduction: drawn over that number."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pipeline.records.study import ModuleFacts
from pipeline.report.blocks import Figure
from pipeline.report.figures.sweep import Line, Point, Sweep
from pipeline.report.plots import INTERVALS, sample
from pipeline.report.text import Markdown
from pipeline.report.words import listing, number, percent
from pipeline.results.read import Evidence

LEAST = 3  # values that make a line: two are a pair of variants
Values = Mapping[float, str]  # of the swept option -> variant


def figures(evidence: Evidence) -> list[Figure]:
    """One figure for each option of each module that was swept, a line for each setting of all else."""
    found: dict[tuple[str, str], dict[str, Values]] = defaultdict(dict)
    for (module, option, rest), values in _sweeps(evidence).items():
        if len(values) >= LEAST:
            found[module, option][rest] = dict(sorted(values.items()))
    return [figure for (module, option), lines in found.items() if (figure := _figure(evidence, module, option, lines))]


def _sweeps(evidence: Evidence) -> dict[tuple[str, str, str], dict[float, str]]:
    """(module, option, everything else as JSON) -> value of the option -> variant."""
    sweeps: dict[tuple[str, str, str], dict[float, str]] = defaultdict(dict)
    for name, variant in evidence.study.variants.items():
        if len(variant.attention) != 1 or variant.overrides or variant.repeat:
            continue
        (module,) = variant.attention
        for option, value in module.options.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                sweeps[module.name, option, json.dumps(_settings(module, option), sort_keys=True)][value] = name
    return sweeps


def _settings(module: ModuleFacts, without: str) -> dict[str, Any]:
    rest = {key: value for key, value in module.options.items() if key != without}
    return {"place": module.place, "stages": module.stages, "levels": module.levels, **rest}


def _figure(evidence: Evidence, module: str, option: str, lines: Mapping[str, Values]) -> Figure | None:
    drawn = []
    for rest, label in zip(lines, _labels(list(lines)), strict=True):
        outcomes = (
            (value, evidence.outcomes[name]) for value, name in lines[rest].items() if name in evidence.outcomes
        )
        points = [Point(value, row.delta, row.ci_low, row.ci_high) for value, row in outcomes if row.delta is not None]
        if points:
            drawn.append(Line(label, points))
    if not drawn:
        return None
    comparison = evidence.comparison
    plot = Sweep(drawn, option, comparison.primary, evidence.baseline, comparison.equivalence)
    best = max((point.delta, point.value, line.label) for line in drawn for point in line.points)
    where = f" with {best[2]}" if best[2] else ""
    alt = (
        f"Difference in {comparison.primary} of {module} over {option}. Largest mean difference: {option} "
        f"{best[1]:g}{where}."
    )
    bar = INTERVALS[comparison.claim].format(level=percent(1 - comparison.alpha))
    caption = (
        f"{module}: mean difference over {option}, each bar the {bar}. Shaded: ±{number(comparison.equivalence)}, too "
        f"small to matter. The lines join what was measured and claim nothing between. {sample(evidence)}."
    )
    return Figure(f"sweep_{_plain(module)}_{option}", alt, Markdown(caption), plot)


def _labels(settings: list[str]) -> list[str]:
    """What tells the lines apart: the settings that are not the same in all."""
    parsed: list[dict[str, Any]] = [json.loads(text) for text in settings]
    keys = list(dict.fromkeys(key for one in parsed for key in one))
    apart = [key for key in keys if len({json.dumps(one.get(key)) for one in parsed}) > 1]
    return [listing([f"{key} {_value(one.get(key))}" for key in apart]) if apart else "" for one in parsed]


def _value(value: Any) -> str:
    if value is None:
        return "default"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _plain(name: str) -> str:
    return name.rpartition(":")[2]
