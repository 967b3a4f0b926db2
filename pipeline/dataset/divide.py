"""One annotated set into splits with the same class mix, and no image in two splits.

Greedy stratification, after Sechidis et al., "On the Stratification of Multi-Label Data" (ECML 2011):
images that hold the rarest class are dealt first, each to the split that it serves best.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.dataset.rules import RepairLog
from pipeline.dataset.splits import Split

KEPT_FIRST = ("test", "val", "train")  # what is scored stays whole


def deal(
    counts: NDArray[np.int64], fractions: Sequence[float], seed: int, images: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """The split (an index into `fractions`) of each image.

    `counts` (images, classes) holds the boxes of each class; what is dealt together is one row, and `images` says
    how many images it has (1 by default). The number of images is stratified as one more class. Each row goes
    where it lowers sum((dealt - wanted)^2 / wanted / total) most, over the classes: all splits fill at one
    pace, and a rare class weighs more than a common one.
    """
    sizes = np.ones(len(counts), dtype=np.int64) if images is None else images
    rows = np.column_stack([counts, sizes]).astype(float)
    totals = np.maximum(rows.sum(axis=0), 1)
    wanted = np.outer(fractions, totals)
    rarity = np.where(rows > 0, totals, np.inf).min(axis=1)
    order = np.random.default_rng(seed).permutation(len(rows))
    order = order[np.argsort(rarity[order], kind="stable")]
    missing = wanted.copy()  # wanted - dealt
    chosen = np.zeros(len(rows), dtype=np.int64)
    for image in order:
        row = rows[image]
        cost = (row * (row - 2 * missing) / wanted / totals).sum(axis=1)
        chosen[image] = best = int(cost.argmin())
        missing[best] -= row
    return chosen


def divide(whole: Split, hashes: dict[Path, str], classes: int, fractions: dict[str, float], seed: int) -> list[Split]:
    """The splits named in `fractions`. Images of one group, and images of equal content, are dealt together."""
    row_of = _together(whole, hashes)
    counts = np.zeros((max(row_of.values(), default=-1) + 1, classes), dtype=np.int64)
    rows = [row_of[box.image_id] for box in whole.annotations]
    np.add.at(counts, (rows, [box.category_id - 1 for box in whole.annotations]), 1)
    images = np.bincount(list(row_of.values()), minlength=len(counts))
    chosen = deal(counts, list(fractions.values()), seed, images)
    of_image = {key: list(fractions)[chosen[row]] for key, row in row_of.items()}
    return [
        replace(
            whole,
            name=name,
            images=[image for image in whole.images if of_image[image.id] == name],
            annotations=[box for box in whole.annotations if of_image[box.image_id] == name],
        )
        for name in fractions
    ]


def _together(whole: Split, hashes: dict[Path, str]) -> dict[int, int]:
    """Image id -> row: images that share a content or a group, directly or by way of others, share a row."""
    names: dict[str, int] = {}
    ends: list[tuple[int, int]] = []
    for index, image in enumerate(whole.images):
        keys = [f"content {hashes[whole.path(image)]}"] + ([f"group {image.group}"] if image.group else [])
        ends += [(index, len(whole.images) + names.setdefault(key, len(names))) for key in keys]
    nodes = len(whole.images) + len(names)
    rows, columns = np.array(ends, dtype=np.int64).reshape(-1, 2).T
    links = coo_array((np.ones(len(ends)), (rows, columns)), shape=(nodes, nodes))
    labels = connected_components(links, directed=False)[1][: len(whole.images)]
    row = {label: number for number, label in enumerate(dict.fromkeys(labels.tolist()))}
    return {image.id: row[label] for image, label in zip(whole.images, labels.tolist(), strict=True)}


def keep_apart(splits: Sequence[Split], log: RepairLog) -> list[Split]:
    """The given splits without the images whose file is in a split that is `KEPT_FIRST`."""
    owner: dict[str, str] = {}
    kept = {}
    for split in sorted(splits, key=lambda split: KEPT_FIRST.index(split.name)):
        dropped = set()
        folder = split.folder.resolve()
        for image in split.images:
            first = owner.setdefault(os.path.normpath(folder / image.file_name), split.name)
            if first != split.name:
                dropped.add(image.id)
                log.add("image_in_two_splits", split.name, image.id, f"{image.file_name} stays in {first}")
        kept[split.name] = replace(
            split,
            images=[image for image in split.images if image.id not in dropped],
            annotations=[box for box in split.annotations if box.image_id not in dropped],
        )
    return [kept[split.name] for split in splits]
