"""What was found out about picture files before, so that unchanged ones are not decoded again."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec

from pipeline.common.files import write_bytes
from pipeline.dataset.pictures.look import Picture

SCHEMA = 1


class _File(msgspec.Struct):
    schema: int
    opencv: str
    stamps: dict[str, tuple[int, int, str]]  # path -> size in bytes, time of change in ns, digest
    pictures: dict[str, Picture]  # digest -> what the loader makes of it


class Known:
    """Pictures by path, size and time, and by digest: a file with a new time but equal content is not decoded.

    Another OpenCV may decode otherwise: what an older one found is forgotten.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamps: dict[str, tuple[int, int, str]] = {}
        self._pictures: dict[str, Picture] = {}
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_File)
        except (OSError, msgspec.MsgspecError, ValueError):
            return
        if (found.schema, found.opencv) == (SCHEMA, cv2.__version__):
            self._stamps, self._pictures = found.stamps, found.pictures

    def unchanged(self, path: Path, size: int, time: int) -> Picture | None:
        stamp = self._stamps.get(str(path.absolute()))
        return self._pictures.get(stamp[2]) if stamp and stamp[:2] == (size, time) else None

    def of_content(self, digest: str) -> Picture | None:
        return self._pictures.get(digest)

    def note(self, path: Path, size: int, time: int, picture: Picture) -> None:
        self._stamps[str(path.absolute())] = (size, time, picture.digest)
        self._pictures[picture.digest] = picture

    def save(self) -> None:
        content = _File(SCHEMA, cv2.__version__, self._stamps, self._pictures)
        write_bytes(self._path, msgspec.json.encode(content))
