"""LabelMe: a folder of JSON files beside their pictures, or a folder a split."""

from __future__ import annotations

from pathlib import Path

from pipeline.common.errors import UserError
from pipeline.dataset.layouts.part import NoSplits, Part, split_folders
from pipeline.study.datasets import LabelMe


def parts(dataset: LabelMe) -> list[Part]:
    """The folders train and val (and test); all files as one split where `split` divides it."""
    origin = Path(dataset.origin)
    if not origin.is_dir():
        raise UserError(f"dataset.origin: {origin}: no such folder; the one with the JSON files is expected")
    if dataset.split:
        return [_part("train", origin, origin)]
    folders = split_folders(origin)
    if not folders.keys() >= {"train", "val"}:
        raise NoSplits(
            f"{origin}: no folders train and val say which pictures are for what; "
            "`split: {val: 0.2, seed: 0}` divides all of them"
        )
    return [_part(split, origin, folder) for split, folder in folders.items()]


def _part(split: str, origin: Path, folder: Path) -> Part:
    members = sorted(folder.rglob("*.json"))
    if not members:
        raise UserError(f"{folder}: no JSON files")
    return Part(split, folder, origin, members=members)
