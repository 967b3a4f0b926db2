"""How numbers are written."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.report import words


@pytest.mark.parametrize(
    ("write", "value", "expected"),
    [
        (words.number, 0.34149, "0.341"),
        (words.number, -0.2, "−0.200"),
        (words.number, None, "n/a"),
        (words.signed, 0.0214, "+0.021"),
        (words.signed, -0.0214, "−0.021"),
        (words.signed, -0.0004, "0.000"),
        (words.signed, None, "n/a"),
        (words.p_value, 0.0004, "<0.001"),
        (words.p_value, 0.0496, "0.050"),
        (words.p_value, None, "n/a"),
        (words.count, 12345, "12,345"),
        (words.count, None, "n/a"),
        (words.millions, 41_348_000, "41.35 M"),
        (words.millions, 708, "708"),
        (words.percent, 0.95, "95 %"),
        (words.percent, 0.995, "99.5 %"),
    ],
)
def test_numbers(write: Any, value: float | None, expected: str) -> None:
    assert write(value) == expected


def test_an_interval_needs_both_ends() -> None:
    assert words.interval(-0.004, 0.038) == "[−0.004, +0.038]"
    assert words.interval(None, 0.038) == "n/a"


def test_lists_and_plurals() -> None:
    assert words.listing(["a"]) == "a"
    assert words.listing(["a", "b", "c"]) == "a, b and c"
    assert words.listing(list("abcdefgh"), most=3) == "a, b, c and 5 more"
    assert words.plural(1, "box", "boxes") == "1 box"
    assert words.plural(1200, "image") == "1,200 images"
