"""The data card: what the study trains on and is scored on, counted, and what was done to get there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.dataset.repair import RULES, RepairLog
from pipeline.dataset.splits import Split

SMALL, MEDIUM = 32**2, 96**2  # COCO's size classes, by `area` in pixels^2
LISTED = 20


@dataclass(frozen=True)
class Card:
    """Everything that the report's data card prints; `as_dict` is what card.json holds.

    `splits`: per split the numbers of `describe`. `duplicates`: files of equal content within a split;
    `leaks`: files of equal content in two or more splits. `repairs`: rule -> how often and what it
    means; `details`: the first uses of each rule.
    """

    name: str
    source: str
    origin: str
    licence: str
    digest: str
    classes: list[str]
    report_split: str
    splits: dict[str, dict[str, Any]]
    duplicates: dict[str, Any]
    leaks: dict[str, Any]
    repairs: dict[str, dict[str, Any]]
    details: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        return {"schema": 1, **asdict(self)}

    def __str__(self) -> str:
        """The article's count table: a row a class, a column a split."""
        width = max(len(name) for name in [*self.classes, "images without boxes"])
        lines = [f"{self.name}: {len(self.classes)} classes, digest {self.digest[:12]}"]
        lines.append(" " * width + "".join(f"{split:>10}" for split in self.splits))
        for label in ("images", "boxes", *self.classes):
            counts = (
                facts["classes"][label] if label in self.classes else facts[label] for facts in self.splits.values()
            )
            lines.append(f"{label:<{width}}" + "".join(f"{count:>10,}" for count in counts))
        lines += [f"{rule['count']:,} x {name}: {rule['meaning']}" for name, rule in self.repairs.items()]
        for what, found in (("duplicates", self.duplicates), ("leaks between splits", self.leaks)):
            lines += [f"{found['count']:,} {what}: files of equal content"] if found["count"] else []
        return "\n".join(lines)


def describe(split: Split, classes: Sequence[str]) -> dict[str, Any]:
    """Counts of one split. Crowd regions are counted apart: they are neither trained on nor scored."""
    real = split.boxes()
    by_class = Counter(box["category_id"] for box in real)
    areas = np.array([box["area"] for box in real], dtype=float)
    by_image = Counter(box["image_id"] for box in real)
    boxes = np.array([by_image[image["id"]] for image in split.images], dtype=np.int64)
    return {
        "images": len(split.images),
        "boxes": len(real),
        "crowd": len(split.annotations) - len(real),
        "images_without_boxes": int((boxes == 0).sum()),
        "classes": {name: by_class[number] for number, name in enumerate(classes, start=1)},
        "sizes": {
            "small": int((areas < SMALL).sum()),
            "medium": int(((areas >= SMALL) & (areas < MEDIUM)).sum()),
            "large": int((areas >= MEDIUM).sum()),
        },
        "boxes_per_image": {
            "min": int(boxes.min()),
            "median": float(np.median(boxes)),
            "mean": float(boxes.mean()),
            "max": int(boxes.max()),
            "histogram": np.bincount(boxes).tolist(),
        },
    }


def equal_content(splits: Sequence[Split], hashes: dict[Path, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Duplicates (images of equal content within a split) and leaks (in two splits or more).

    Each is {"count": images beyond the first of their content, "groups": the first groups of files}.
    """
    files: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for split in splits:
        for image, path in zip(split.images, split.paths(), strict=True):
            files[hashes[path]].append((split.name, image["file_name"]))
    duplicates, leaks = [], []
    for group in files.values():
        homes = {name for name, _ in group}
        for home in sorted(homes):
            within = [(name, file) for name, file in group if name == home]
            duplicates += [within] if len(within) > 1 else []
        leaks += [group] if len(homes) > 1 else []
    return _summary(duplicates), _summary(leaks)


def _summary(groups: list[list[tuple[str, str]]]) -> dict[str, Any]:
    shown = [[{"split": name, "file_name": file} for name, file in group] for group in groups[:LISTED]]
    return {"count": sum(len(group) - 1 for group in groups), "groups": shown}


def repairs(log: RepairLog) -> dict[str, dict[str, Any]]:
    """Rule -> how often it was used and what it means, in the order of `RULES`."""
    return {rule: {"count": log.counts[rule], "meaning": RULES[rule]} for rule in RULES if log.counts[rule]}
