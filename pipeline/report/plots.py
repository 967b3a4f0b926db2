"""The figures of the report: data in, alt text that states the finding, caption that says n, k and the bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pipeline.evaluation.outcomes import TOO_FEW_BOXES
from pipeline.report.blocks import Figure
from pipeline.report.figures.fonts import labels, legend
from pipeline.report.figures.forest import WORDS, Forest, Row
from pipeline.report.figures.heatmap import Heatmap
from pipeline.report.figures.panels import Line, Panels
from pipeline.report.figures.tradeoff import Panel, Point, Tradeoff
from pipeline.report.text import Markdown, escape
from pipeline.report.words import NOTHING, count, listing, number, percent, plural, signed
from pipeline.results.read import Evidence
from pipeline.results.repeats import repeat

COLUMNS, CELLS = 12, 320  # of a heatmap: with more, the numbers in it would be too small or the file too large
POINTS = 40  # of a learning curve: the noise of single iterations hides its shape
IOUS = ("0.50", "0.75")  # of the precision-recall curves
INTERVALS = {
    "full": "simultaneous {level} interval over seeds and images",
    "one_seed": "simultaneous {level} interval over resampled images alone, seeds not measured",
    "two_seeds": "simultaneous {level} interval, from two seeds: no verdict rests on it",
}


def sample(evidence: Evidence) -> str:
    comparison = evidence.comparison
    return f"k = {plural(comparison.k, 'seed')}, V = {plural(comparison.images, 'image')}"


def forest(evidence: Evidence) -> Figure | None:
    comparison = evidence.comparison
    rows = [
        Row(name, row.delta, row.ci_low, row.ci_high, row.verdict or "not_claimed", row.seed_deltas)
        for name, row in evidence.outcomes.items()
        if name != evidence.baseline and row.delta is not None
    ]
    if not rows:
        return None
    floor = evidence.comparison.noise_floor
    for name in evidence.repeats:
        again = repeat(evidence, name)
        if floor and again and again.delta is not None:
            seeds = [delta for cell, delta in floor.differences.items() if cell.startswith(f"{name}-")]
            rows.append(Row(name, again.delta, None, None, "repeat", seeds))
    words = []
    for verdict in dict.fromkeys(row.verdict for row in rows):
        words.append(f"{WORDS[verdict]}: {listing([row.name for row in rows if row.verdict == verdict], 12)}")
    bar = INTERVALS[comparison.claim].format(level=percent(1 - comparison.alpha))
    caption = (
        f"Large marker: mean difference. Bar: {bar}. Small dots: single seeds. "
        f"Shaded: ±{number(comparison.equivalence)}, too small to matter. {sample(evidence)}."
    )
    plot = Forest(rows, comparison.primary, evidence.baseline, comparison.equivalence)
    alt = f"Difference in {comparison.primary} of every variant. {'; '.join(words)}."
    return Figure("forest", alt, Markdown(caption), plot)


def pareto(costs: Sequence[float], values: Sequence[float]) -> list[bool]:
    """Whether no other point is at most as costly and at least as good, and better in one."""
    points = list(zip(costs, values, strict=True))
    return [not any(c <= cost and v >= value and (c < cost or v > value) for c, v in points) for cost, value in points]


def tradeoff(evidence: Evidence) -> Figure | None:
    costs = evidence.cost.variants
    scores = {
        name: (row.mean, row.sd) for name, row in evidence.outcomes.items() if row.mean is not None and name in costs
    }
    if not scores:
        return None
    latency = {name: costs[name].latency_ms for name in scores}
    panels = [
        _panel("latency, ms an image", {name: (ms.median, ms.q1, ms.q3) for name, ms in latency.items()}, scores),
        _panel("parameters, millions", {name: (costs[name].parameters / 1e6, None, None) for name in scores}, scores),
    ]
    cheapest = [point.name for point in sorted(panels[0].points, key=lambda point: point.cost) if point.front]
    metric = evidence.comparison.primary
    alt = f"{metric} against cost. On the Pareto front of {panels[0].label}: {listing(cheapest)}."
    caption = (
        f"Blue diamonds and line: the Pareto front (no variant is both cheaper and better in the mean); it "
        f"claims no difference. Square: {escape(evidence.baseline)}. "
        f"Bars: SD over seeds and quartiles of the latency. "
        f"{sample(evidence)}; {escape(evidence.cost.hardware)}."
    )
    return Figure("cost", alt, Markdown(caption), Tradeoff(panels, metric, evidence.baseline))


def _panel(
    label: str,
    costs: Mapping[str, tuple[float, float | None, float | None]],
    scores: Mapping[str, tuple[float, float | None]],
) -> Panel:
    """`costs` are value and quartiles, `scores` mean and SD over seeds."""
    front = pareto([cost for cost, *_ in costs.values()], [scores[name][0] for name in costs])
    return Panel(
        label, [Point(name, *costs[name], *scores[name], best) for name, best in zip(costs, front, strict=True)]
    )


def classes(evidence: Evidence) -> list[Figure]:
    """One heatmap, or several where there are many classes: those with most boxes come first."""
    found = evidence.comparison.descriptive
    metrics = [metric for metric in found if metric.startswith("AP/")]
    variants = [
        variant
        for variant in evidence.outcomes
        if variant != evidence.baseline and any(found[metric].variants[variant].delta is not None for metric in metrics)
    ]
    if not variants:
        return []
    room = max(1, min(COLUMNS, CELLS // len(variants)))
    if len(metrics) > room:
        metrics.sort(key=lambda metric: -found[metric].boxes)
    pages = [metrics[start : start + room] for start in range(0, len(metrics), room)]
    return [_by_class(evidence, page, variants, f"classes_{index}") for index, page in enumerate(pages, start=1)]


def _by_class(evidence: Evidence, metrics: Sequence[str], variants: Sequence[str], name: str) -> Figure:
    """Differences of some classes: no colour and no number where the boxes are too few."""
    found = evidence.comparison.descriptive
    labelled = labels(evidence.card.classes)
    names = [metric.removeprefix("AP/") for metric in metrics]
    titles = [labelled[name] for name in names]
    numbered = legend({name: labelled[name] for name in names})
    values = [[found[metric].variants[variant].delta for metric in metrics] for variant in variants]
    texts = [
        [
            f"{NOTHING if value is None else signed(value)}\nn = {count(found[m].boxes)}"
            for m, value in zip(metrics, row, strict=True)
        ]
        for row in values
    ]
    for row in texts:
        row[:] = [
            text.replace(NOTHING, "too few") if found[m].too_few else text for m, text in zip(metrics, row, strict=True)
        ]
    known = [
        (value, f"{variants[y]}, {titles[x]}")
        for y, row in enumerate(values)
        for x, value in enumerate(row)
        if value is not None
    ]
    alt = "Differences in AP by class: no class with enough boxes."
    if known:
        (low, worst), (high, best) = min(known), max(known)
        alt = f"Differences in AP by class: from {signed(low)} ({worst}) to {signed(high)} ({best})."
    caption = Markdown(
        f"Difference from {escape(evidence.baseline)}, mean over seeds, and the number of boxes n. Blue: higher, "
        f"orange: lower, grey: fewer than {TOO_FEW_BOXES} boxes. Descriptive: no verdict rests on it. "
        f"{sample(evidence)}.{f' {escape(numbered)}.' if numbered else ''}"
    )
    return Figure(name, alt, caption, Heatmap(variants, titles, values, texts))


def learning(evidence: Evidence, metric: str, label: str, name: str) -> Figure | None:
    history = evidence.history[evidence.history["metric"] == metric]
    lines = {}
    for variant in evidence.names:
        mine = history[history["variant"] == variant]
        if len(mine):
            lines[variant] = [_band(mine)]
    if not lines:
        return None
    last = {variant: found[0].y[-1] for variant, found in lines.items()}
    low, high = min(last, key=lambda v: last[v]), max(last, key=lambda v: last[v])
    alt = f"{label} over training: at the end between {number(last[low])} ({low}) and {number(last[high])} ({high})."
    caption = Markdown(
        f"Line: mean over seeds; band: from the lowest to the highest seed. Blue: the variant, grey: "
        f"{escape(evidence.baseline)}. {sample(evidence)}."
    )
    return Figure(name, alt, caption, Panels(evidence.baseline, lines, "iteration", label))


def _band(history: pd.DataFrame) -> Line:
    """Mean, lowest and highest seed of a curve, averaged over bins of iterations where it has many."""
    steps = np.sort(history["step"].unique())
    edges = steps[:: max(1, len(steps) // POINTS)]
    bins = np.searchsorted(edges, history["step"], side="right") - 1
    seeds = history.assign(bin=bins).groupby(["bin", "seed"]).agg(step=("step", "mean"), value=("value", "mean"))
    found = seeds.groupby("bin").agg(
        step=("step", "mean"), mean=("value", "mean"), low=("value", "min"), high=("value", "max")
    )
    return Line(found["step"].tolist(), found["mean"].tolist(), found["low"].tolist(), found["high"].tolist())


def precision_recall(evidence: Evidence) -> Figure | None:
    found, recalls = evidence.curves.variants, evidence.curves.recall
    if not found:
        return None
    lines = {
        variant: [
            Line(recalls, found[variant][iou], style=style) for style, iou in enumerate(IOUS) if iou in found[variant]
        ]
        for variant in evidence.outcomes
        if variant in found
    }
    caption = Markdown(
        f"Mean precision over classes and seeds; solid: IoU .50, dashed: IoU .75. Blue: the variant, grey: "
        f"{escape(evidence.baseline)}. {sample(evidence)}."
    )
    alt = f"Precision-recall curves of {plural(len(lines), 'variant')}: the areas under them are AP50 and AP75."
    plot = Panels(evidence.baseline, lines, "recall", "precision")
    return Figure("precision_recall", alt, caption, plot)


def errors(evidence: Evidence) -> Figure | None:
    means, differences, kinds = evidence.errors.mean, evidence.errors.difference, evidence.errors.types
    variants = [variant for variant in evidence.outcomes if variant in means]
    if not variants:
        return None
    values = [[differences.get(variant, {}).get(kind) for kind in kinds] for variant in variants]
    texts = [[number(means[variant][kind]) for kind in kinds] for variant in variants]
    for row, variant in zip(texts, variants, strict=True):
        if variant in differences:
            row[:] = [f"{text}\n{signed(differences[variant][kind])}" for text, kind in zip(row, kinds, strict=True)]
    base = means[variants[0]]
    worst = max(kinds, key=lambda kind: base[kind])
    alt = f"Error types: {variants[0]} loses most AP50 to {worst} ({number(base[worst])})."
    caption = Markdown(
        f"AP50 that would be won if the errors of a kind were mended (TIDE, Bolya et al. 2020), mean over seeds, and "
        f"the difference from {escape(evidence.baseline)}. Cls: wrong class, Loc: poor box, Dupe: second detection, "
        f"Bkg: nothing there, Miss: not found, FP and FN: all of them. Blue: fewer errors, orange: more. Descriptive. "
        f"{sample(evidence)}."
    )
    return Figure("errors", alt, caption, Heatmap(variants, kinds, values, texts, less_is_better=True))
