"""Free overrides of the resolved config, as dotted paths: `model.backbone.depth: 101`."""

from __future__ import annotations

from typing import Any

from pipeline.common.errors import UserError


def override(cfg: Any, key: str, value: Any, source: str) -> None:
    """Set a dotted path; all but its last part must exist. A list that replaces a tuple becomes one.

    Raises UserError for a path that fits nowhere.
    """
    node, (*path, last) = cfg, key.split(".")
    for depth, part in enumerate(path):
        if isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        elif _has_keys(node) and part in node:
            node = node[part]
        else:
            where = f"nothing at {'.'.join(path[: depth + 1])!r}"
            raise UserError(f"{source} overrides: {key!r}: {where}; allowed there: {_keys(node)}")
    if isinstance(node, list) and last.isdigit() and int(last) < len(node):
        node[int(last)] = _alike(node[int(last)], last, value)
    elif _has_keys(node):
        node[last] = _alike(node.get(last), last, value)
    else:
        raise UserError(f"{source} overrides: {key!r}: no {last!r} at {'.'.join(path)!r}; allowed there: {_keys(node)}")


TUPLES = ("scale", "scales", "img_scale", "crop_size", "size", "ratio_range", "meta_keys", "classes")  # in transforms


def _alike(old: Any, key: str, value: Any) -> Any:
    """YAML has no tuples: a list stands for one where one stood, or where MMDetection takes nothing else."""
    if isinstance(value, dict):
        return {k: _alike(None, k, item) for k, item in value.items()}
    if not isinstance(value, list):
        return value
    first = old[0] if isinstance(old, list | tuple) and old else None
    pairs = key == "scales" or isinstance(first, tuple)
    items = [tuple(item) if pairs and isinstance(item, list) else _alike(first, "", item) for item in value]
    return tuple(items) if isinstance(old, tuple) or (old is None and key in TUPLES and key != "scales") else items


def _has_keys(node: Any) -> bool:
    return hasattr(node, "keys")


def _keys(node: Any) -> str:
    if isinstance(node, list):
        return f"0 to {len(node) - 1}"
    return ", ".join(map(str, node.keys())) if _has_keys(node) else "nothing"
