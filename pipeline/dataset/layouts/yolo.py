"""YOLO: data.yaml with its splits (Ultralytics, Roboflow), or classes.txt with images and labels (Label Studio)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.common.errors import UserError
from pipeline.dataset.layouts.part import WORDS, NoSplits, Part, pictures
from pipeline.dataset.readers.text import lines, read_utf8
from pipeline.study.datasets import Yolo


def parts(dataset: Yolo) -> list[Part]:
    """The splits of data.yaml; all pictures as one split where `split` divides it."""
    origin = Path(dataset.origin)
    file = _description(origin)
    home = file.parent
    if file.suffix == ".txt":
        names, listed = lines(file), {}
        keypoints = False
    else:
        data = _yaml(file)
        names, listed, keypoints = _names(file, data), _listed(file, data), "kpt_shape" in data
    if dataset.split:
        found = [path for value in listed.values() for path in _pictures(file, home, value)] if listed else []
        found = list(dict.fromkeys(found)) or list(pictures(home / "images" if (home / "images").is_dir() else home))
        return [_part("train", file, home, found, names, keypoints)]
    if not listed.keys() >= {"train", "val"}:
        raise NoSplits(f"{file}: no `train` and `val`; `split: {{val: 0.2, seed: 0}}` divides the pictures")
    return [_part(split, file, home, _pictures(file, home, value), names, keypoints) for split, value in listed.items()]


def _description(origin: Path) -> Path:
    """The file with the class names: data.yaml, another YAML of that shape, or classes.txt."""
    if origin.is_file():
        return origin
    if not origin.is_dir():
        raise UserError(f"dataset.origin: {origin}: no such folder; the one that holds data.yaml is expected")
    yamls = [path for pattern in ("*.yaml", "*.yml") for path in sorted(origin.glob(pattern))]
    named = [path for path in yamls if path.stem == "data"] or [path for path in yamls if "names" in _yaml(path)]
    named = named or [path for name in ("classes.txt", "obj.names") if (path := origin / name).exists()]
    if len(named) != 1:
        found = ", ".join(path.name for path in named) or "none is there"
        raise UserError(f"{origin}: one data.yaml (or classes.txt) with the class names is expected; {found}")
    return named[0]


def _yaml(file: Path) -> dict[str, Any]:
    try:
        data = YAML(typ="safe").load(read_utf8(file).decode())
    except (YAMLError, UnicodeError) as error:
        raise UserError(f"{file}: not valid YAML: {error}") from None
    if not isinstance(data, dict):
        raise UserError(f"{file}: expected keys and values (train, val, names); found {type(data).__name__}")
    return data


def _names(file: Path, data: dict[str, Any]) -> list[str]:
    names = data.get("names")
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list) or not names:
        raise UserError(f"{file}: names: a list of class names, or numbers from 0 with names, is expected")
    return [str(name) for name in names]


def _listed(file: Path, data: dict[str, Any]) -> dict[str, list[Path]]:
    """Split -> the folders and lists of pictures that data.yaml gives for it."""
    bases = [file.parent / str(data.get("path") or "."), file.parent]
    listed: dict[str, list[Path]] = {}
    for split, words in WORDS.items():
        values = next((data[word] for word in words if data.get(word)), None)
        for value in values if isinstance(values, list) else [values] if values else []:
            if (path := _resolve(bases, str(value))) is not None:
                listed.setdefault(split, []).append(path)
            elif split != "test":  # Roboflow names a test folder that it did not export
                raise UserError(f"{file}: {split}: {value}: no such folder or list beside data.yaml")
    return listed


def _resolve(bases: list[Path], value: str) -> Path | None:
    """Where an entry lies. Roboflow writes ../train/images for the folder train beside data.yaml."""
    beside = value
    while beside.startswith("../"):
        beside = beside[3:]
    tried = [Path(os.path.normpath(base / name)) for name in (beside, value) for base in bases]
    return next((path for path in tried if path.exists()), None)


def _pictures(file: Path, home: Path, entries: list[Path]) -> list[Path]:
    found: list[Path] = []
    for entry in entries:
        if entry.is_dir():
            found += pictures(entry)
            continue
        for line in lines(entry):
            path = _resolve([entry.parent, home], line.removeprefix("./"))
            if path is None:
                raise UserError(f"{entry}: {line}: no such picture beside it or beside {file.name}")
            found.append(path)
    return list(dict.fromkeys(found))


def _part(split: str, file: Path, home: Path, found: list[Path], names: list[str], keypoints: bool) -> Part:
    if not found:
        raise UserError(f"{file}: no pictures for split {split}")
    root = Path(os.path.commonpath([path.parent for path in found]))
    return Part(split, file, root, members=found, names=names, keypoints=keypoints)
