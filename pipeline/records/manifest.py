"""The file data/coco/manifest.json: which files the prepared data set is, and a digest of their content."""

from __future__ import annotations

from typing import ClassVar

from pipeline.records.base import Part, Record


class SplitFiles(Part):
    """`annotations` is a file beside the manifest, `images` the folder that its file names are relative to."""

    annotations: str
    images: str
    count: int
    boxes: int


class Manifest(Record):
    """`digest` counts pictures by content: a moved image folder is the same data set."""

    MADE_BY: ClassVar[str] = "`dvc repro prepare`"

    digest: str
    classes: list[str]
    splits: dict[str, SplitFiles]
    report_split: str

    @property
    def reported(self) -> SplitFiles:
        """The split that the report speaks of."""
        return self.splits[self.report_split]
