"""Do the files of an evaluation hold together? What one names, another must have: the report is built on that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.results.read import Evidence

SHOWN = 80  # characters of a name that a message repeats


def lacks(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """(file, what it lacks), for all that does not fit."""
    comparison, classes = evidence.comparison, evidence.card.classes
    if comparison.baseline not in comparison.variants:
        yield "comparison.json", f"the baseline {_quoted(comparison.baseline)} has no runs"
        return
    for metric, found in comparison.descriptive.items():
        where = f"descriptive.{metric[:SHOWN]}"
        yield from _missing("comparison.json", where, "the variant", comparison.variants, found.variants, "variants")
        if metric.startswith("AP/"):
            yield from _missing(
                "card.json", "classes", "the class", [metric.removeprefix("AP/")], classes, "comparison.json"
            )
    for split, counted in evidence.card.splits.items():
        yield from _missing(
            "card.json", f"splits.{split[:SHOWN]}.classes", "the class", classes, counted.classes, "classes"
        )
    yield from _missing(
        "study.json", "variants", "the variant", evidence.names, evidence.study.variants, "comparison.json"
    )
    yield from _errors(evidence)
    for variant, curves in evidence.curves.variants.items():
        for iou, precision in curves.items():
            if len(precision) != len(evidence.curves.recall):
                yield "curves.json", f"variants.{variant[:SHOWN]}.{iou[:SHOWN]} is not as long as recall"
    for number, example in enumerate(evidence.examples):
        boxes = [*example.ground_truth, *(box for found in example.detections.values() for box in found)]
        yield from _missing(
            "card.json", "classes", "the class", [box.category for box in boxes], classes, "examples.json"
        )
        if not evidence.folder.joinpath(example.picture).is_file():
            yield "examples.json", f"examples.{number}: its picture {example.picture} is not there"
    twice = evidence.metrics.duplicated(["variant", "seed", "metric"]).to_numpy()
    if twice.any():  # the first line is the header
        yield "metrics.csv", f"line {twice.argmax() + 2}: the metric of that run stands there already"


def _errors(evidence: Evidence) -> Iterator[tuple[str, str]]:
    found = evidence.errors
    for part in ("mean", "difference"):
        for variant, values in getattr(found, part).items():
            yield from _missing("errors.json", f"{part}.{variant[:SHOWN]}", "the type", found.types, values, "types")
    if found.mean and not found.types:
        yield "errors.json", "types is empty"


def _missing(
    file: str, where: str, what: str, wanted: Iterable[str], there: Iterable[str], by: str
) -> Iterator[tuple[str, str]]:
    """Each name that `by` has, a file or a key of the same one, and `where` in `file` has not."""
    known = set(there)
    for name in wanted:
        if name not in known:
            yield file, f"{where} lacks {what} {_quoted(name)}, which {by} names"


def _quoted(name: str) -> str:
    return repr(name[:SHOWN])
