"""What a layout finds: which files make up a split, and where its pictures lie."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.common.errors import UserError

PICTURES = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".gif", ".avif",
    ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".heic", ".heif",
}  # fmt: skip
WORDS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}


class NoSplits(UserError):
    """Nothing in the folder says what is train and what is val; `split` divides the whole."""


@dataclass(frozen=True)
class Part:
    """One split of the user's. `file` is the annotation file, or what stands for many of them in messages;
    `root` is the folder that file names start from, the first of `roots` that holds the pictures where these are
    given; `members` are its annotation files (VOC, LabelMe) or its pictures (YOLO); `names` its class names in
    order, where the layout holds them (YOLO)."""

    split: str
    file: Path
    root: Path
    roots: Sequence[Path] = ()
    members: Sequence[Path] = ()
    names: Sequence[str] = ()
    keypoints: bool = False


def split_of(name: str) -> str | None:
    """The split that a file or folder name speaks of: `instances_train2017.json` and `Validation` say it."""
    found = {split for token in re.findall(r"[a-z]+", name.lower()) for split, words in WORDS.items() if token in words}
    return found.pop() if len(found) == 1 else None


def split_folders(folder: Path) -> dict[str, Path]:
    """The folders below that are named as a split, and only as one: split -> folder."""
    return {
        split: path
        for path in sorted(folder.iterdir())
        if path.is_dir() and (split := split_of(path.name)) and path.name.lower() in WORDS[split]
    }


def pictures(folder: Path) -> Iterator[Path]:
    """Picture files of the folder and all below, in the order of their names."""
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURES)


def by_name(folder: Path) -> dict[str, Path]:
    """Stem -> picture, of the pictures that lie in the folder itself."""
    found = (path for path in sorted(folder.iterdir(), reverse=True) if path.suffix.lower() in PICTURES)
    return {path.stem: path for path in found}
