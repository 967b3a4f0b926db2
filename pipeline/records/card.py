"""The file data/coco/card.json: what the study trains on and is scored on, counted, and what was done to get there."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, JsonValue

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


class PictureCounts(Part):
    """Pictures that the loader turns by their EXIF orientation, cuts to 8 bit, strips of an alpha channel that hides
    something, or reads although they lack their end."""

    turned: int
    deep: int
    transparent: int
    early: int


class Fed(Part):
    """Boxes after resizing to the study's image size: how many have a side below 1 px, or below 4 (tiny).

    MMDetection leaves out, while training, images without any box and boxes with a side below 1 px as stored.
    """

    below_one_pixel: int
    tiny: int
    sizes: Sizes
    left_out_images: int
    left_out_boxes: int


class Repair(Part):
    """How often a rule was used, and what it means."""

    count: int
    meaning: str


class Card(Record):
    """`duplicates` are files of equal content within a split, `leaks` in two or more; `likely_leaks` are near-equal
    pictures in two splits. `fed` and `pictures` count per split, `fed` at `image_size` (width and height); `groups` are
    how many groups a split has, where the study has any. `details` are the first uses of each rule.
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
    likely_leaks: EqualFiles = EqualFiles(count=0, groups=[])
    image_size: tuple[int, int] | None = None
    fed: dict[str, Fed] = Field(default_factory=dict)
    pictures: dict[str, PictureCounts] = Field(default_factory=dict)
    groups: dict[str, int] = Field(default_factory=dict)
    repairs: dict[str, Repair]
    details: list[dict[str, JsonValue]]
