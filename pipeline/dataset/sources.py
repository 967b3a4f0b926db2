"""The user's files as annotations: for each format a layout (which files) and a reader (what is in them)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.common.errors import UserError
from pipeline.dataset import layouts
from pipeline.dataset.annotations import Annotations
from pipeline.dataset.layouts.part import Part
from pipeline.dataset.mistakes import Mistakes
from pipeline.dataset.readers import coco, labelme, voc, yolo
from pipeline.dataset.rules import RepairLog
from pipeline.study.datasets import Own

Layout = Callable[[Any], list[Part]]
Reader = Callable[[Part, Mistakes, RepairLog], Annotations]
FORMATS: dict[str, tuple[Layout, Reader]] = {
    "coco": (layouts.coco.parts, coco.read),
    "voc": (layouts.voc.parts, voc.read),
    "yolo": (layouts.yolo.parts, yolo.read),
    "labelme": (layouts.labelme.parts, labelme.read),
}


def read(dataset: Own, log: RepairLog) -> list[Annotations]:
    """The annotations of every split. Raises UserError with up to ten mistakes of all files."""
    layout, reader = FORMATS[dataset.source]
    mistakes = Mistakes()
    found = []
    for part in layout(dataset):
        try:
            found.append(reader(part, mistakes, log))
        except UserError as error:
            mistakes.add(str(error))
    mistakes.refuse()
    return found
