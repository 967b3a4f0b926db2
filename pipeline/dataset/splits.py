"""What a split is while it is prepared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.dataset.read import Record


@dataclass(frozen=True)
class Split:
    """The images and boxes of one split. `root` is the image folder as the manifest names it, `folder`
    is where it lies at this moment, `file` is the annotation file that messages speak of."""

    name: str
    file: Path
    root: str
    folder: Path
    images: list[Record]
    annotations: list[Record]

    def paths(self) -> list[Path]:
        return [self.folder / image["file_name"] for image in self.images]

    def boxes(self) -> list[Record]:
        """What is trained on and scored: crowd regions are neither."""
        return [box for box in self.annotations if not box["iscrowd"]]
