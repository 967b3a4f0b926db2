"""Configs through JSON: it knows lists alone, and MMDetection refuses lists for many sizes and tuples for others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def tuple_paths(config: Any, path: str = "") -> Iterator[str]:
    """The dotted paths of all tuples in a config, the outer before the inner."""
    if isinstance(config, tuple):
        yield path
    items = config.items() if isinstance(config, Mapping) else enumerate(config) if _is_list(config) else ()
    for key, value in items:
        yield from tuple_paths(value, f"{path}.{key}" if path else str(key))


def with_tuples(config: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """A config as JSON gives it, with tuples at `paths`."""
    chosen = set(paths)

    def restored(value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            return {key: restored(item, f"{path}.{key}" if path else str(key)) for key, item in value.items()}
        if _is_list(value):
            items = [restored(item, f"{path}.{i}") for i, item in enumerate(value)]
            return tuple(items) if path in chosen else items
        return value

    whole: dict[str, Any] = restored(config, "")
    return whole


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)
