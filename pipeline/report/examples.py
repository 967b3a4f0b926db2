"""The same images for all variants: which detections are right, which are false, and what was missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.records.results import Example, ShownBox
from pipeline.report.blocks import Figure
from pipeline.report.figures.fonts import labels
from pipeline.report.figures.gallery import Gallery, Mark, View
from pipeline.report.text import Markdown, escape
from pipeline.report.words import plural, signed
from pipeline.results.read import Evidence

LABEL = 16  # characters of a class name beside a box
PANELS = 24  # variants of one picture; with more of them, no panel could be read


def figures(evidence: Evidence) -> list[Figure]:
    """A figure an example, in the order of the evaluation."""
    return [_figure(evidence, example, number) for number, example in enumerate(evidence.examples, start=1)]


def _figure(evidence: Evidence, example: Example, number: int) -> Figure:
    labelled = labels(evidence.card.classes)
    views = [View("ground truth", _marks(example.ground_truth, labelled))]
    found = {}
    every = [name for name in evidence.outcomes if name in example.detections]
    for name in _shown(every, example.variant):
        marks = _marks(example.detections[name], labelled)
        found[name] = sum(mark.outcome == "found" for mark in marks)
        views.append(View(name, marks))
    file, why = escape(example.file_name), escape(example.reason)
    if example.variant is not None and example.change is not None:
        change = signed(example.change, 2)
        why = Markdown(f"{why}: F1 of {escape(example.variant)} against {escape(evidence.baseline)} {change}")
    boxes = sum(box.outcome == "truth" for box in example.ground_truth)
    alt = f"{example.file_name}, {plural(boxes, 'box', 'boxes')}"
    if evidence.baseline in found:
        alt += f": {evidence.baseline} finds {found[evidence.baseline]}"
        alt += f", {example.variant} finds {found[example.variant]}" if example.variant in found else ""
    left_out = len(every) - len(found)
    if left_out:
        why = Markdown(f"{escape(why)}; {plural(left_out, 'variant')} in the middle of the table not shown")
    gallery = Gallery(evidence.folder / example.picture, (example.width, example.height), views)
    return Figure(f"example_{number}", f"{alt}.", Markdown(f"{file} ({why})."), gallery)


def _shown(names: Sequence[str], own: str | None) -> list[str]:
    """Those with a panel: all, or the highest and the lowest of the table and the one that the example is `own` to."""
    if len(names) <= PANELS:
        return list(names)
    ends = {*names[: PANELS // 2], *names[1 - PANELS // 2 :], own}
    return [name for name in names if name in ends]


def _marks(boxes: Sequence[ShownBox], labelled: Mapping[str, str]) -> list[Mark]:
    """Boxes as the evaluation judged them; `labelled` is what stands for each class."""
    return [Mark(box.bbox, box.outcome, _label(box, labelled)) for box in boxes]


def _label(box: ShownBox, labelled: Mapping[str, str]) -> str:
    name = labelled[box.category][:LABEL]
    return name if box.score is None else f"{name} {box.score:.2f}"
