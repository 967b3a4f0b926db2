"""One line of what `doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Grade = Literal["good", "note", "bad"]


@dataclass(frozen=True)
class Finding:
    """A `bad` one means that the study cannot run here; it names its cure, as a `note` does."""

    grade: Grade
    text: str
