"""Pictures that belong together: frames of one video, views of one scene. They never fall into two splits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.common.errors import UserError
from pipeline.dataset.annotations import Annotations, Record
from pipeline.dataset.mistakes import Mistakes
from pipeline.dataset.splits import Split

NAMED = 5  # groups that a message names


def assign(splits: Sequence[Annotations], wanted: str) -> list[dict[Any, str]]:
    """Image id -> group, for each split. `wanted` is a key of the image record, or a pattern on file names whose
    brackets hold the group. Raises UserError for images without one."""
    mistakes = Mistakes()
    pattern = re.compile(wanted) if "(" in wanted else None
    groups = []
    for found in splits:
        named = {}
        for image in found.images:
            group = _match(pattern, image["file_name"]) if pattern else _value(image, wanted)
            if group is None:
                what = f"{wanted!r} does not fit {image['file_name']!r}" if pattern else f"no key {wanted!r}"
                mistakes.add(f"{found.file}: image {image['id']}: dataset.group: {what}")
            else:
                named[image["id"]] = group
        groups.append(named)
    mistakes.refuse("every image needs a group: mend the pattern or the key, or leave dataset.group out")
    return groups


def _match(pattern: re.Pattern[str], name: str) -> str | None:
    found = pattern.search(name)
    return "/".join(part for part in found.groups() if part is not None) or None if found else None


def _value(image: Record, key: str) -> str | None:
    value = image.get(key)
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) and value != "" else None


def check_apart(splits: Sequence[Split]) -> None:
    """Raises UserError where a group has images in two splits."""
    homes: dict[str, dict[str, int]] = {}
    for split in splits:
        for image in split.images:
            if image.group is not None:
                counts = homes.setdefault(image.group, {})
                counts[split.name] = counts.get(split.name, 0) + 1
    torn = {group: counts for group, counts in homes.items() if len(counts) > 1}
    if torn:
        shown = "; ".join(f"{group!r}: {_words(counts)}" for group, counts in list(torn.items())[:NAMED])
        raise UserError(
            f"dataset.group: {len(torn):,} groups have images in two splits ({shown}); move them, or give one "
            "annotation file and `split`, which keeps groups whole"
        )


def count(split: Split) -> int:
    return len({image.group for image in split.images})


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} in {split}" for split, count in counts.items())
