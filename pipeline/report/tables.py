"""The tables of the report: rows of text with the value that each sorts by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.report.blocks import Cell, Column, Table
from pipeline.report.evidence import Evidence
from pipeline.report.text import Markdown, code, escape
from pipeline.report.words import (
    NOTHING,
    VERDICTS,
    count,
    duration,
    interval,
    millions,
    number,
    p_value,
    plural,
    signed,
)

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


def headline(evidence: Evidence) -> Table:
    """Baseline first, then by difference."""
    primary = evidence.comparison["primary"]
    columns = [
        Column("variant", numeric=False),
        Column(f"{primary} ± SD (n)"),
        Column(Markdown("difference [interval]")),
        Column("adjusted p"),
        Column("P(improve)"),
        Column("params"),
        Column("GFLOPs"),
        Column(Markdown("ms an image [quartiles]")),
        Column("verdict", numeric=False),
    ]
    rows = [_headline_row(evidence, name) for name in evidence.names]
    return Table("Every variant against the baseline", columns, rows)


def _headline_row(evidence: Evidence, name: str) -> list[Cell]:
    row: dict[str, Any] = evidence.comparison["variants"].get(name, {})
    cost: dict[str, Any] = evidence.cost.get("variants", {}).get(name, {})
    latency: dict[str, Any] = cost.get("latency_ms") or {}
    score = NOTHING
    if row.get("mean") is not None:
        spread = "" if row["sd"] is None else f" ± {number(row['sd'])}"
        score = f"{number(row['mean'])}{spread} ({row['n']})"
    delta, wins = row.get("delta"), row.get("p_improve")
    first = name == evidence.baseline
    difference = NOTHING if delta is None else signed(delta)
    if row.get("ci_low") is not None:
        difference = Markdown(f"{difference} {interval(row['ci_low'], row['ci_high'])}")
    verdict = VERDICTS.get(row.get("verdict") or "", "no finished run" if not row else "")
    if first:
        difference, verdict = "baseline", ""
    milliseconds = NOTHING
    if latency:
        quartiles = f"[{number(latency['q1'], 1)}, {number(latency['q3'], 1)}]"
        milliseconds = Markdown(f"{number(latency['median'], 1)} {quartiles}")
    return [
        Cell(name),
        Cell(score, row.get("mean")),
        Cell(difference, 0.0 if first else delta),
        Cell("" if first else p_value(row.get("p_adjusted")), row.get("p_adjusted")),
        Cell("" if first else f"{wins[0]}/{wins[1]}", wins[0] / wins[1]) if wins else Cell("" if first else NOTHING),
        Cell(millions(cost.get("parameters")), cost.get("parameters")),
        Cell(number(cost.get("gflops"), 2), cost.get("gflops")),
        Cell(milliseconds, latency.get("median")),
        Cell(verdict),
    ]


def settings(evidence: Evidence) -> Table:
    """What all runs share, once."""
    rows = [[Cell(key.replace("_", " ")), Cell(_value(value))] for key, value in evidence.study["shared"].items()]
    return Table("Settings that all runs share", [Column("setting", False), Column("value", False)], rows)


def secondary(evidence: Evidence) -> Table | None:
    """AP50, AP75 and the sizes: mean over seeds, and difference from the baseline."""
    described = {key: row for key, row in evidence.comparison["descriptive"].items() if key in SECONDARY}
    if not described:
        return None
    titles = [
        f"{SECONDARY[key]} (n = {count(row['boxes'])}{', too few' if row['too_few'] else ''})"
        for key, row in described.items()
    ]
    rows = []
    for name in evidence.outcomes:
        cells = [Cell(name)]
        for metric in described.values():
            value = metric["variants"].get(name, {})
            text = number(value.get("mean"))
            if name != evidence.baseline and value.get("delta") is not None:
                text += f" ({signed(value['delta'])})"
            cells.append(Cell(text, value.get("mean")))
        rows.append(cells)
    return Table("AP by IoU and by size", [Column("variant", False), *map(Column, titles)], rows)


def descriptive(evidence: Evidence) -> Table | None:
    """Every size, IoU and class with its interval and the p of Benjamini and Hochberg."""
    rows = []
    for metric, found in evidence.comparison["descriptive"].items():
        for name in evidence.outcomes:
            value = found["variants"].get(name)
            if value is None or name == evidence.baseline:
                continue
            rows.append(
                [
                    Cell(metric.removeprefix("AP/") if metric not in SECONDARY else SECONDARY[metric]),
                    Cell(name),
                    Cell(count(found["boxes"]), found["boxes"]),
                    Cell(number(value["mean"]), value["mean"]),
                    Cell(signed(value["delta"]), value["delta"]),
                    Cell(interval(value["ci_low"], value["ci_high"]), value["ci_low"]),
                    Cell("too few" if found["too_few"] else p_value(value["p_bh"]), value["p_bh"]),
                ]
            )
    if not 0 < len(rows) <= DESCRIPTIVE_ROWS:
        return None
    numbers = ("boxes", "AP", "difference", "interval", "p (BH)")
    columns = [Column("class or size", False), Column("variant", False), *map(Column, numbers)]
    return Table("Every descriptive difference", columns, rows)


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


def article(evidence: Evidence, only: str | None = None) -> Table:
    """The article's single runs beside this study's means, a line a variant and metric (or `only` that metric)."""
    means = evidence.metrics.groupby(["variant", "metric"])["value"].mean()
    rows = []
    for row in evidence.study["article"]["rows"]:
        if only not in (None, _coco_name(row)):
            continue
        here = means.get((row["variant"], _coco_name(row)))
        value = None if here is None or np.isnan(here) else float(here)
        label = f"{row['metric']}, IoU {row['iou']}, {row['area']}, {row['max_dets']} detections"
        rows.append(
            [Cell(row["variant"]), Cell(label), Cell(number(row["value"]), row["value"]), Cell(number(value), value)]
        )
    titles = (Column("article (one run)"), Column("here (mean over seeds)"))
    columns = [Column("variant", False), Column("metric", False), *titles]
    return Table(f"The article's {only or 'twelve lines'} beside this study's", columns, rows)


def _coco_name(row: Mapping[str, Any]) -> str:
    """Our name of a line that the article prints; its AP50, AP75 and sizes are at 1000 detections, ours at 100."""
    if row["area"] != "all":
        return f"{row['metric']}_{row['area']}"
    if row["metric"] == "AR":
        return f"AR_{row['max_dets']}"
    return {"0.50": "AP50", "0.75": "AP75"}.get(row["iou"], "AP")


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


def coco_lines(evidence: Evidence) -> dict[str, str]:
    """The twelve COCO lines of each variant, a column a seed, as fixed-width text."""
    frame = evidence.metrics.pivot(index=["variant", "metric"], columns="seed", values="value")
    found = {}
    for name in [name for name in evidence.outcomes if name in frame.index]:
        mine: pd.DataFrame = frame.loc[[name]].droplevel("variant").dropna(axis="columns", how="all")
        lines = [" " * 72 + "".join(f"{'seed ' + str(seed):>9}" for seed in mine.columns)]
        for metric, label in COCO_LINES:
            values = mine.reindex([metric]).to_numpy(float)[0]
            lines.append(f"{label:<72}" + "".join(f"{number(None if np.isnan(v) else v):>9}" for v in values))
        found[name] = "\n".join(lines)
    return found


def _value(value: Any) -> str:
    """A setting as a reader writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def differences(name: str, changed: Mapping[str, Sequence[Any]], titles: tuple[str, str]) -> Table | None:
    """Settings with two values, e.g. of the baseline and of a variant."""
    if not changed:
        return None
    rows = [[Cell(code(path)), *(Cell(_shown(value)) for value in pair)] for path, pair in changed.items()]
    return Table(name, [Column("setting", False), *(Column(title, False) for title in titles)], rows)


def _shown(value: Any, most: int = 240) -> Markdown:
    text = str(_value(value))
    return escape(text if len(text) <= most else text[: most - 1] + "…")


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
