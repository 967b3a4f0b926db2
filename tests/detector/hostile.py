"""Checkpoints that create a file when something unpickles them: three ways to have code run."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


class Reduces:
    """Says what to call instead of itself: a program of the system."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


class SetsState:
    """Acts when its attributes are given back."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __setstate__(self, state: dict[str, str]) -> None:
        Path(state["mark"]).touch()


class Nested:
    """An archive within the archive, which torch's own function for storages reads without any rule."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        inner = io.BytesIO()
        torch.save({"w": Reduces(self.mark)}, inner)
        return torch.storage._load_from_bytes, (inner.getvalue(),)


PAYLOADS: dict[str, tuple[Callable[[Path], Any], str]] = {  # how, and the type that the refusal must name
    "reduce": (Reduces, "posix.system"),
    "setstate": (SetsState, "tests.detector.hostile.SetsState"),
    "nested": (Nested, "torch.storage._load_from_bytes"),
}
