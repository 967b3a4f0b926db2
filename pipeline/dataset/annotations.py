"""What every reader gives: the records of one split as the user's files hold them, before anything is checked.

Images and categories are few and stay dicts, so that any key of an image record may name its group. Boxes are
many (860,000 in COCO 2017) and are slotted records with the keys that count; `segmentation` is still unparsed
JSON there, the place where masks will be read from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

Record = dict[str, Any]


NO_MASK = msgspec.Raw(b"null")


class Box(msgspec.Struct):
    """One annotation. `bbox` is x, y, width, height in pixels; `rotation` turns it about its centre, clockwise
    in degrees. Before `check` any value may stand anywhere; after it ids are plain, numbers are numbers."""

    id: Any = None
    image_id: Any = None
    category_id: Any = None
    bbox: Any = None
    area: Any = None  # UNSET where the format has none
    iscrowd: Any = msgspec.UNSET
    ignore: Any = None
    attributes: Any = None
    rotation: Any = None
    segmentation: msgspec.Raw = NO_MASK


@dataclass(frozen=True)
class Annotations:
    """The records of one split.

    `file` is what messages name; `root` the folder that file names start from. Box sides are fractions of
    the picture's where `relative` (YOLO), and turn into pixels once the pictures are known. `places` says for
    each box where it stands, for formats that have no ids ("0001.xml: object 2").
    """

    split: str
    file: Path
    root: Path
    images: list[Record]
    boxes: list[Box]
    categories: list[Record]
    relative: bool = False
    places: list[str] | None = None

    @property
    def has_ids(self) -> bool:
        """Whether the format has ids of its own, or the reader gave them."""
        return self.places is None

    def place(self, index: int) -> str:
        """How a message names the box at `index`: by its place in a file of its own, its id, or its number."""
        if self.places is not None:
            return self.places[index]
        box = self.boxes[index]
        return f"annotation {box.id}" if box.id is not None else f"annotations[{index}]"

    def path(self, image: Record) -> Path:
        return self.root / image["file_name"]

    def without_images(self, dropped: set[Any]) -> Annotations:
        """The same without the images of these ids and their boxes."""
        if not dropped:
            return self
        kept = [index for index, box in enumerate(self.boxes) if box.image_id not in dropped]
        return replace(
            self,
            images=[image for image in self.images if image["id"] not in dropped],
            boxes=[self.boxes[index] for index in kept],
            places=None if self.places is None else [self.places[index] for index in kept],
        )

    def sized(self) -> Iterator[tuple[int, Box, int, int]]:
        """Index, box, picture width and height, for the boxes of pictures whose sides are stated."""
        sides = {image["id"]: (image["width"], image["height"]) for image in self.images}
        for index, box in enumerate(self.boxes):
            width, height = sides[box.image_id]
            if width and height:
                yield index, box, width, height
