"""Numbers as a reader meets them: one way to round each kind, and one word for what is not there."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.report.text import Markdown

NOTHING = "n/a"
MINUS = "\u2212"
REPEAT = "A/A"  # the baseline trained again: it has no verdict
VERDICTS = {
    "better": "better",
    "worse": "worse",
    "equivalent": "equivalent",
    "not_shown": "not shown",
    "not_claimed": "not claimed",
}


def number(value: float | None, digits: int = 3) -> str:
    """A plain number, e.g. 0.341."""
    return NOTHING if value is None else f"{value:.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int = 3) -> str:
    """A difference, e.g. +0.021; what rounds to zero has no sign."""
    if value is None:
        return NOTHING
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def interval(low: float | None, high: float | None, digits: int = 3) -> Markdown:
    """Brackets are Markdown's own, but around numbers they mean nothing to it."""
    return Markdown(NOTHING if low is None or high is None else f"[{signed(low, digits)}, {signed(high, digits)}]")


def p_value(value: float | None) -> str:
    if value is None:
        return NOTHING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def count(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"


def millions(value: float | None) -> str:
    """Parameters, e.g. 41.35 M; below ten thousand the exact count."""
    if value is None:
        return NOTHING
    return count(value) if value < 10_000 else f"{value / 1e6:.2f} M"


def percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def plural(n: int, one: str, many: str | None = None) -> str:
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def listing(names: Sequence[str], most: int = 6) -> str:
    """Names in a sentence; what is beyond `most` is counted."""
    shown = list(names[:most])
    if len(names) > most:
        return ", ".join(shown) + f" and {len(names) - most} more"
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]
