"""Ids and whole numbers as people write them: 3, 3.0 and "3" are one number, and "a7" is a name."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

LARGEST = 2**63  # ids must stay below: pycocotools and NumPy keep them in 64 bits


def plain(key: Any, seen: Counter[str]) -> int | str | None:
    """The id as a whole number or a text, None if it is neither. `seen` counts what was written otherwise."""
    if type(key) is int:
        return key
    if isinstance(key, float) and key.is_integer():
        seen["whole_floats"] += 1
        return int(key)
    if isinstance(key, str):
        if key.removeprefix("-").isdecimal() and len(key) <= 40 and str(int(key)) == key:
            seen["ids_as_text"] += 1
            return int(key)
        return key
    return None


def side(value: Any, seen: Counter[str]) -> int | None:
    """A picture's width or height; None where it is to be read from the picture. Raises ValueError."""
    if value is None or value == "NaN":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError
    if value < 1:
        return None
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError
        seen["whole_floats"] += 1
    return int(value)


def whole(value: float) -> float | int:
    """27.0 as 27: equal boxes are equal bytes, whichever format they came in."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def counts_from_one(ids: list[Any]) -> bool:
    """Whether all are whole numbers from 1 (pycocotools counts annotation id 0 as unmatched), unique, of 63 bits."""
    return all(type(key) is int and 1 <= key < LARGEST for key in ids) and len(set(ids)) == len(ids)
