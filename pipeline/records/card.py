"""The file data/coco/card.json: what the study trains on and is scored on, counted, and what was done to get there."""

from __future__ import annotations

from typing import ClassVar

from pydantic import JsonValue

from pipeline.records.base import Part, Record


class Sizes(Part):
    """Boxes by COCO's size classes."""

    small: int
    medium: int
    large: int


class BoxesPerImage(Part):
    """`histogram[n]` is the number of images with n boxes."""

    min: int
    median: float
    mean: float
    max: int
    histogram: list[int]


class SplitCounts(Part):
    """Crowd regions are counted apart: they are neither trained on nor scored."""

    images: int
    boxes: int
    crowd: int
    images_without_boxes: int
    classes: dict[str, int]
    sizes: Sizes
    boxes_per_image: BoxesPerImage


class FileInSplit(Part):
    split: str
    file_name: str


class EqualFiles(Part):
    """`count` images beyond the first of their content; `groups` are the first groups of files."""

    count: int
    groups: list[list[FileInSplit]]


class Repair(Part):
    """How often a rule was used, and what it means."""

    count: int
    meaning: str


class Card(Record):
    """`duplicates` are files of equal content within a split, `leaks` in two or more; `details` the first uses of
    each rule.
    """

    MADE_BY: ClassVar[str] = "`dvc repro prepare`"

    name: str
    source: str
    origin: str
    licence: str
    digest: str
    classes: list[str]
    report_split: str
    splits: dict[str, SplitCounts]
    duplicates: EqualFiles
    leaks: EqualFiles
    repairs: dict[str, Repair]
    details: list[dict[str, JsonValue]]
