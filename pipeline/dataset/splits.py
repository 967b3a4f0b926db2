"""What a split is once it is mended: the records that the prepared COCO files hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec


class Image(msgspec.Struct, omit_defaults=True):
    """`group` names what the image belongs to (a video) where params.yaml asks for groups."""

    id: int
    file_name: str
    width: int
    height: int
    group: str | None = None


class Box(msgspec.Struct):
    """`bbox` is x, y, width, height and lies in the image, `area` in pixels^2; crowd regions are not scored."""

    id: int
    image_id: int
    category_id: int
    bbox: list[float | int]
    area: float | int
    iscrowd: int


@dataclass(frozen=True)
class Split:
    """The images and boxes of one split. `root` is the image folder as the manifest names it, `folder`
    is where it lies at this moment, `file` is the annotation file that messages speak of."""

    name: str
    file: Path
    root: str
    folder: Path
    images: list[Image]
    annotations: list[Box]

    def path(self, image: Image) -> Path:
        return self.folder / image.file_name

    def paths(self) -> list[Path]:
        return [self.path(image) for image in self.images]

    def boxes(self) -> list[Box]:
        """What is trained on and scored: crowd regions are neither."""
        return [box for box in self.annotations if not box.iscrowd]
