"""Checks of option values. Each names the option, its value and what is allowed."""

from __future__ import annotations

from typing import Any

from pipeline.common.errors import UserError


def whole(option: str, value: Any, least: int = 1) -> int:
    """`value` as it is, if it is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UserError(f"option `{option}` is {value!r}; allowed: a whole number of at least {least}")
    return value


def odd(option: str, value: Any) -> int:
    """`value` as it is, if a kernel of that size has a centre, so that padding keeps the map's size."""
    if whole(option, value) % 2 == 0:
        raise UserError(f"option `{option}` is {value!r}; allowed: an odd number")
    return int(value)


def positive(option: str, value: Any) -> float:
    """`value` as it is, if it is a number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise UserError(f"option `{option}` is {value!r}; allowed: a number above 0")
    return value


def one_of(option: str, value: Any, allowed: tuple[Any, ...]) -> Any:
    """`value` as it is, if it is one of `allowed`."""
    if value not in allowed:
        raise UserError(f"option `{option}` is {value!r}; allowed: {', '.join(map(str, allowed))}")
    return value


def groups_of(channels: int, value: Any, multiple: int = 1) -> int:
    """`value` as it is, if `channels` split into that many groups of a multiple of `multiple` channels each."""
    groups = whole("groups", value)
    if channels % (groups * multiple):
        fit = max((n for n in range(1, groups) if channels % (n * multiple) == 0), default="none")
        raise UserError(
            f"option `groups` is {groups}; {channels} channels must split into groups of a multiple of {multiple}; "
            f"largest that fits: {fit}"
        )
    return groups


def split(channels: int, into: int, why: str) -> int:
    """Channels in each of `into` equal parts. `why` says what is split."""
    if channels % into:
        raise UserError(f"{channels} channels; {why} needs a multiple of {into}")
    return channels // into
