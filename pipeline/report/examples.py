"""The same images for all variants: which detections are right, which are false, and what was missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.report.blocks import Figure
from pipeline.report.figures.gallery import Gallery, Mark, View
from pipeline.report.text import Markdown, escape
from pipeline.report.words import plural, signed
from pipeline.results.read import Evidence

IOU = 0.5  # a detection that overlaps a box of its class by so much has found it
LABEL = 16  # characters of a class name beside a box

Box = dict[str, Any]


def figures(evidence: Evidence) -> list[Figure]:
    """A figure an example, in the order of the evaluation."""
    return [_figure(evidence, example, number) for number, example in enumerate(evidence.examples, start=1)]


def _figure(evidence: Evidence, example: dict[str, Any], number: int) -> Figure:
    truth = example["ground_truth"]
    views = [View("ground truth", [Mark(box["bbox"], "truth", box["category"][:LABEL]) for box in truth])]
    found = {}
    for name in evidence.outcomes:
        if name in example["detections"]:
            marks = judge(truth, example["detections"][name])
            found[name] = sum(mark.outcome == "found" for mark in marks)
            views.append(View(name, marks))
    picture = evidence.folder / example["picture"] if example.get("picture") else None
    file, variant = escape(example["file_name"]), example.get("variant")
    why = escape(example["reason"])
    if variant is not None and example.get("change") is not None:
        change = signed(example["change"], 2)
        why = Markdown(f"{why}: F1 of {escape(variant)} against {escape(evidence.baseline)} {change}")
    alt = f"{example['file_name']}, {plural(len(truth), 'box', 'boxes')}"
    if evidence.baseline in found:
        alt += f": {evidence.baseline} finds {found[evidence.baseline]}"
        alt += f", {variant} finds {found[variant]}" if variant in found else ""
    gallery = Gallery(picture, (example["width"], example["height"]), views)
    return Figure(f"example_{number}", f"{alt}.", Markdown(f"{file} ({why})."), gallery)


def judge(truth: Sequence[Box], detections: Sequence[Box]) -> list[Mark]:
    """Match by falling score, each box once, at IoU 0.5 within the class; what is left over is false or missed."""
    free = list(range(len(truth)))
    marks = []
    for detection in sorted(detections, key=lambda found: -found["score"]):
        rivals = {
            index: overlap(detection["bbox"], truth[index]["bbox"])
            for index in free
            if truth[index]["category"] == detection["category"]
        }
        best = max(rivals, key=lambda index: rivals[index], default=None)
        label = f"{detection['category'][:LABEL]} {detection['score']:.2f}"
        if best is not None and rivals[best] >= IOU:
            free.remove(best)
            marks.append(Mark(detection["bbox"], "found", label))
        else:
            marks.append(Mark(detection["bbox"], "false", label))
    return marks + [Mark(truth[index]["bbox"], "missed", truth[index]["category"][:LABEL]) for index in free]


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes [x, y, w, h]."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (a[2] * a[3] + b[2] * b[3] - width * height)
