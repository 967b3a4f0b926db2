"""The further tables of results, each row with the value that it sorts by; the main one is in headline.py."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.records.study import Article, ArticleRow
from pipeline.report.blocks import Column, Entry, Table
from pipeline.report.words import count, interval, number, p_value, signed
from pipeline.results.read import Evidence

DESCRIPTIVE_ROWS = 2000  # GitHub shows no Markdown above 512,000 bytes; comparison.json has every row
SECONDARY = {"AP50": "AP50", "AP75": "AP75", "AP_small": "small", "AP_medium": "medium", "AP_large": "large"}
# pycocotools' twelve lines: our name of the metric, and how it prints it.
COCO_LINES = [
    ("AP", "Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ]"),
    ("AP50", "Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ]"),
    ("AP75", "Average Precision  (AP) @[ IoU=0.75      | area=   all | maxDets=100 ]"),
    ("AP_small", "Average Precision  (AP) @[ IoU=0.50:0.95 | area= small | maxDets=100 ]"),
    ("AP_medium", "Average Precision  (AP) @[ IoU=0.50:0.95 | area=medium | maxDets=100 ]"),
    ("AP_large", "Average Precision  (AP) @[ IoU=0.50:0.95 | area= large | maxDets=100 ]"),
    ("AR_1", "Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=  1 ]"),
    ("AR_10", "Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets= 10 ]"),
    ("AR_100", "Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ]"),
    ("AR_small", "Average Recall     (AR) @[ IoU=0.50:0.95 | area= small | maxDets=100 ]"),
    ("AR_medium", "Average Recall     (AR) @[ IoU=0.50:0.95 | area=medium | maxDets=100 ]"),
    ("AR_large", "Average Recall     (AR) @[ IoU=0.50:0.95 | area= large | maxDets=100 ]"),
]


def secondary(evidence: Evidence) -> Table:
    """AP50, AP75 and the sizes: mean over seeds, and difference from the baseline."""
    described = {key: row for key, row in evidence.comparison.descriptive.items() if key in SECONDARY}
    titles = [
        f"{SECONDARY[key]} (n = {count(row.boxes)}{', too few' if row.too_few else ''})"
        for key, row in described.items()
    ]
    rows = []
    for name in evidence.outcomes:
        cells = [Entry(name)]
        for metric in described.values():
            value = metric.variants[name]
            text = number(value.mean)
            if name != evidence.baseline and value.delta is not None:
                text += f" ({signed(value.delta)})"
            cells.append(Entry(text, value.mean))
        rows.append(cells)
    return Table("AP by IoU and by size", [Column("variant", False), *map(Column, titles)], rows)


def descriptive(evidence: Evidence) -> Table | None:
    """Every size, IoU and class with its interval and the p of Benjamini and Hochberg."""
    rows = []
    for metric, found in evidence.comparison.descriptive.items():
        for name in evidence.outcomes:
            value = found.variants[name]
            if name == evidence.baseline:
                continue
            rows.append(
                [
                    Entry(SECONDARY.get(metric, metric.removeprefix("AP/"))),
                    Entry(name),
                    Entry(count(found.boxes), found.boxes),
                    Entry(number(value.mean), value.mean),
                    Entry(signed(value.delta), value.delta),
                    Entry(interval(value.ci_low, value.ci_high), value.ci_low),
                    Entry("too few" if found.too_few else p_value(value.p_bh), value.p_bh),
                ]
            )
    if not 0 < len(rows) <= DESCRIPTIVE_ROWS:
        return None
    numbers = ("boxes", "AP", "difference", "interval", "p (BH)")
    columns = [Column("class or size", False), Column("variant", False), *map(Column, numbers)]
    return Table("Every descriptive difference", columns, rows)


def article(evidence: Evidence, published: Article, only: str | None = None) -> Table:
    """The article's single runs beside this study's means, a line a variant and metric (or `only` that metric)."""
    means = evidence.metrics.groupby(["variant", "metric"])["value"].mean()
    rows = []
    for row in published.rows:
        if only not in (None, _coco_name(row)):
            continue
        here = means.get((row.variant, _coco_name(row)))
        value = None if here is None or np.isnan(here) else float(here)
        label = f"{row.metric}, IoU {row.iou}, {row.area}, {row.max_dets} detections"
        rows.append(
            [Entry(row.variant), Entry(label), Entry(number(row.value), row.value), Entry(number(value), value)]
        )
    titles = (Column("article (one run)"), Column("here (mean over seeds)"))
    columns = [Column("variant", False), Column("metric", False), *titles]
    return Table(f"The article's {only or 'twelve lines'} beside this study's", columns, rows)


def _coco_name(row: ArticleRow) -> str:
    """Our name of a line that the article prints; its AP50, AP75 and sizes are at 1000 detections, ours at 100."""
    if row.area != "all":
        return f"{row.metric}_{row.area}"
    if row.metric == "AR":
        return f"AR_{row.max_dets}"
    return {"0.50": "AP50", "0.75": "AP75"}.get(row.iou, "AP")


def coco_lines(evidence: Evidence) -> dict[str, str]:
    """The twelve COCO lines of each variant, a column a seed, as fixed-width text."""
    frame = evidence.metrics.pivot(index=["variant", "metric"], columns="seed", values="value")
    found = {}
    for name in [name for name in evidence.names if name in frame.index]:
        mine: pd.DataFrame = frame.loc[[name]].droplevel("variant").dropna(axis="columns", how="all")
        lines = [" " * 72 + "".join(f"{'seed ' + str(seed):>9}" for seed in mine.columns)]
        for metric, label in COCO_LINES:
            values = mine.reindex([metric]).to_numpy(float)[0]
            lines.append(f"{label:<72}" + "".join(f"{number(None if np.isnan(v) else v):>9}" for v in values))
        found[name] = "\n".join(lines)
    return found
