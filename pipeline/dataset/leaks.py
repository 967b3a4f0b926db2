"""The same picture twice: within a split it weighs double, across splits the score is of what was trained on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from pipeline.dataset.pictures.alike import near_pairs
from pipeline.dataset.pictures.look import Picture
from pipeline.dataset.splits import Split
from pipeline.records.card import EqualFiles, FileInSplit

LISTED = 20


def equal_content(splits: Sequence[Split], hashes: Mapping[Path, str]) -> tuple[EqualFiles, EqualFiles]:
    """Duplicates (images of equal content within a split) and leaks (in two splits or more)."""
    files: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for split in splits:
        for image, path in zip(split.images, split.paths(), strict=True):
            files[hashes[path]].append((split.name, image.file_name))
    duplicates, leaks = [], []
    for group in files.values():
        homes = {name for name, _ in group}
        for home in sorted(homes):
            within = [(name, file) for name, file in group if name == home]
            duplicates += [within] if len(within) > 1 else []
        leaks += [group] if len(homes) > 1 else []
    return _summary(duplicates), _summary(leaks)


def near_equal(splits: Sequence[Split], pictures: Mapping[Path, Picture]) -> EqualFiles:
    """Likely leaks: pictures of a later split that have a near-equal, not equal, one in an earlier split."""
    pairs = []
    for earlier, later in combinations(splits, 2):
        old, new = ([pictures[path] for path in split.paths()] for split in (earlier, later))
        prints = [np.array([picture.alike for picture in part], dtype=np.uint64) for part in (new, old)]
        for one, two in near_pairs(*prints):
            if new[one].digest != old[two].digest:
                pairs.append([(earlier.name, earlier.images[two].file_name), (later.name, later.images[one].file_name)])
    return _summary(pairs)


def _summary(groups: list[list[tuple[str, str]]]) -> EqualFiles:
    shown = [[FileInSplit(split=name, file_name=file) for name, file in group] for group in groups[:LISTED]]
    return EqualFiles(count=sum(len(group) - 1 for group in groups), groups=shown)
