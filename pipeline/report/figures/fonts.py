"""Names in any script: DejaVu, which ships with matplotlib, and where it lacks a character the fonts of this system."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import matplotlib as mpl
from matplotlib.font_manager import FontEntry, fontManager
from matplotlib.ft2font import FT2Font

OWN = "DejaVu Sans"
OWN_FILE = Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"


def labels(names: Sequence[str]) -> dict[str, str]:
    """What stands for each name in a figure: itself, or its number where no font has its characters."""
    return {name: name if drawable(name) else f"class {number}" for number, name in enumerate(names, start=1)}


def legend(labelled: dict[str, str]) -> str:
    """The numbers in words, for the text beside a figure; empty where there are none."""
    return "; ".join(f"{label}: {name}" for name, label in labelled.items() if label != name)


def drawable(text: str) -> bool:
    return all(_font_of(character) is not None for character in set(text))


def families(texts: Iterable[str]) -> list[str]:
    """The fonts that matplotlib needs for `texts`, its own first."""
    found = [font[0] for character in sorted(set("".join(texts))) if (font := _font_of(character))]
    return list(dict.fromkeys([OWN, *found]))


def file_of(text: str) -> Path:
    """One font for a label that Pillow draws: that of its first character which DejaVu lacks."""
    files = [font[1] for character in text if (font := _font_of(character))]
    return next((file for file in files if file != OWN_FILE), OWN_FILE)


@cache
def _font_of(character: str) -> tuple[str, Path] | None:
    """Family and file of the first font that has a character; control characters and spaces need none of their own."""
    if ord(character) in _characters(OWN_FILE) or not character.isprintable() or character.isspace():
        return OWN, OWN_FILE
    for entry in _others():
        if ord(character) in _characters(Path(entry.fname)):
            return entry.name, Path(entry.fname)
    return None


@cache
def _characters(file: Path) -> frozenset[int]:
    try:
        return frozenset(FT2Font(str(file)).get_charmap())
    except (OSError, RuntimeError):  # a font that is broken, or of a form that FreeType refuses
        return frozenset()


def _others() -> list[FontEntry]:
    """Upright fonts of the system, in an order that does not depend on how they were found.

    A font of last resort has a box for every character and draws none.
    """
    found = [
        entry
        for entry in fontManager.ttflist
        if entry.style == "normal" and str(entry.weight) in ("400", "normal") and "Last Resort" not in entry.name
    ]
    return sorted(found, key=lambda entry: (entry.name, entry.fname))
