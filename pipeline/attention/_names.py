"""What `attention:` in params.yaml may name: a file of this package, or any class by where it stands. Without torch.

`se`; `my_package.blocks:MyGate`; `modules/gate.py:MyGate`, a file below the project's root and the same as
`modules.gate:MyGate`; `mmcv:ContextBlock`, a name of MMCV's registry.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from pipeline.common.errors import UserError

WIDER = "pipeline.attention._wider:Wider"  # what a control has, by its import path: it is no attention to choose
ELSEWHERE = re.compile(r"(?P<where>[A-Za-z_][\w./]*):(?P<kind>[A-Za-z_]\w*)")
MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class Elsewhere(NamedTuple):
    """A class outside this package: a module's dotted name and the class in it."""

    module: str
    kind: str


def names(folders: list[str]) -> list[str]:
    """The files of a package that hold an attention, sorted."""
    files = (file for folder in folders for file in Path(folder).glob("*.py"))
    return sorted({file.stem for file in files if not file.stem.startswith("_")})


def elsewhere(name: str) -> Elsewhere | None:
    """What a name with a colon says; None for one without. Raises UserError for one that cannot be imported."""
    if ":" not in name:
        return None
    found = ELSEWHERE.fullmatch(name)
    where = found["where"] if found else ""
    if where.endswith(".py"):
        where = where.removesuffix(".py").replace("/", ".")
    if not found or not MODULE.fullmatch(where):
        raise UserError(
            f"attention {name!r} names no class; allowed: `package.module:Class`, `folder/file.py:Class` (a file below "
            "the project's root, its folders named as Python names), or `mmcv:Name`"
        )
    return Elsewhere(where, found["kind"])


def label(name: str) -> str:
    """A Python name for what `name` names: the file's or the class's."""
    found = elsewhere(name)
    return found.kind if found else name


def module_of(name: str) -> str:
    """The dotted name of the Python module that holds the class."""
    found = elsewhere(name)
    return found.module if found else f"{__package__}.{name}"
