"""COCO JSON. Parsed by msgspec into slotted records, so that COCO 2017 with its polygons takes a few hundred
megabytes and a few seconds, whatever characters it holds (`json` takes 2.6 GB for a file with one emoji).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from pipeline.common.errors import UserError
from pipeline.dataset.annotations import Annotations, Box, Record
from pipeline.dataset.layouts.kinds import foreign
from pipeline.dataset.layouts.part import Part
from pipeline.dataset.mistakes import Mistakes
from pipeline.dataset.readers.text import read_utf8
from pipeline.dataset.rules import RepairLog

PARTS = ("images", "annotations", "categories")
PROBED = 20  # pictures that are looked for to tell their folder
# JSON has no NaN, but Python writes it. Strings are matched first, so that a class called NaN stays.
NO_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b')


class _File(msgspec.Struct):
    images: list[Record]
    annotations: list[Box]
    categories: list[Record]


def read(part: Part, mistakes: Mistakes, log: RepairLog) -> Annotations:
    """One COCO file. Raises UserError naming the file, where in it, and if it is another format, which."""
    file = part.file
    if file.is_dir() or file.suffix.lower() in (".xml", ".csv", ".txt", ".yaml", ".yml"):
        raise UserError(foreign(file, None) or f"{file}: is a folder; a COCO file is expected")
    content = read_utf8(file)
    try:
        data = _decode(content)
    except msgspec.ValidationError as error:
        raise UserError(foreign(file, content) or _explain(file, content, str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(foreign(file, content) or _malformed(file, content, str(error))) from None
    return Annotations(part.split, file, _root(part, data.images), data.images, data.annotations, data.categories)


def _root(part: Part, images: list[Record]) -> Path:
    """The folder that holds most of the first pictures; one that params.yaml names is taken at its word."""
    if len(part.roots) == 1:
        return part.roots[0]
    names = [name.replace("\\", "/") for image in images[:PROBED] if isinstance(name := image.get("file_name"), str)]
    held = {root: sum((root / name).is_file() for name in names) for root in part.roots if root.is_dir()}
    best = max(held, key=lambda root: held[root], default=None)
    if best is None or 2 * held[best] <= len(names):
        raise UserError(
            f"{part.file}: its pictures ({', '.join(names[:2])}, ...) are in none of the usual places; "
            "name their folder as dataset.images"
        )
    return best


def _decode(content: bytes) -> _File:
    try:
        return msgspec.json.decode(content, type=_File)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        quoted = _quoted(content)
        if quoted == content:
            raise
    return msgspec.json.decode(quoted, type=_File)


def _quoted(content: bytes) -> bytes:
    """The same with each NaN and Infinity as text, which every check of a number refuses by name."""
    return NO_NUMBER.sub(lambda found: found[0] if found[0].startswith(b'"') else b'"%b"' % found[0], content)


def _explain(file: Path, content: bytes, error: str) -> str:
    """What is wrong with JSON that is no COCO file, found in its own words."""
    if "out of range" in error:
        return f"{file}: {error}"
    data: Any = msgspec.json.decode(_quoted(content))
    if not isinstance(data, dict):
        return f"{file}: expected an object with {', '.join(PARTS)}; found {type(data).__name__}"
    for part in PARTS:
        if not isinstance(data.get(part), list):
            return f"{file}: the list `{part}` is missing"
        for index, record in enumerate(data[part]):
            if not isinstance(record, dict):
                return f"{file}: {part}[{index}]: expected an object, found {type(record).__name__}"
    return f"{file}: {error}"


def _malformed(file: Path, content: bytes, error: str) -> str:
    try:
        content.decode()
    except UnicodeDecodeError as problem:
        return f"{file}: cannot be read: neither UTF-8 nor UTF-16 text (byte {problem.start:,}); save it as UTF-8"
    at = re.search(r"\(byte (\d+)\)", error)
    before = content[: int(at[1])] if at else content
    line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
    reason = re.sub(r"JSON is malformed: |\s*\(byte \d+\)", "", error) if at else "the file ends in the middle"
    return f"{file}: line {line}, column {column}: not valid JSON: {reason}"
