"""The contact sheet of the training pictures, as `prepare` drew it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipeline.report.blocks import Drawing
from pipeline.report.figures.gallery import webp


@dataclass(frozen=True)
class Sheet:
    """A picture that is shown as it is."""

    picture: Path

    def draw(self, name: str) -> Drawing:
        with Image.open(self.picture) as image:
            sheet = image.convert("RGB")
        return Drawing("webp", webp(sheet), sheet.size)
