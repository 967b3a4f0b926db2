"""What a resample draws: images, or groups of images that belong together (frames of a video, pictures of a scene).

Images of one group resemble each other, so they are no independent evidence: drawing them one by one makes intervals
too narrow. A group is drawn whole, every image in it with the group's weight.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from pipeline.common.errors import UserError
from pipeline.evaluation.boxes import GroundTruth, Ints

FEW, TOO_FEW = 30, 8  # units below which there is a warning, and below which nothing is claimed
NUMBERED = re.compile(r"(.*?)(\d+)$")
VIDEO = re.compile(r"(^|[^a-z])(frames?|clips?|videos?|seq(uence)?s?)([^a-z]|$)")


@dataclass(frozen=True)
class Units:
    """`of_image` (V,): which unit each image belongs to, 0 to `count` - 1."""

    of_image: Ints
    count: int
    grouped: bool

    @staticmethod
    def of(gt: GroundTruth, groups: Mapping[int, str] | None) -> Units:
        """Every image for itself, or by `groups`: image id -> name. Raises UserError for an image without a group."""
        if groups is None:
            return Units(np.arange(len(gt.image_ids)), len(gt.image_ids), False)
        for image in gt.image_ids.tolist():
            if image not in groups:
                raise UserError(
                    f"groups: image {image} has none; every image needs a group once groups are given (an image that "
                    "belongs to no other is a group of its own)"
                )
        names, of_image = np.unique([str(groups[i]) for i in gt.image_ids.tolist()], return_inverse=True)
        return Units(of_image.astype(np.int64), len(names), True)


def image_groups(gt: GroundTruth) -> dict[int, str] | None:
    """Image id -> the `group` of its record, as `dataset.group` has the prepared files written; None without."""
    named = {i: record["group"] for i, record in gt.images.items() if record.get("group") is not None}
    return {i: str(name) for i, name in named.items()} or None


def look_like_frames(file_names: Iterable[str]) -> bool:
    """Whether file names look like frames of several videos.

    Rule: half of the images or more have a name (without its extension) that ends in a number and shares what stands
    before the number, folder included, with at least two others; and there are two such series or more, or the folder
    or name speaks of frames, clips, videos or sequences. A plain running number over all images is no series of its
    own.
    """
    names = [str(PurePosixPath(name).with_suffix("")) for name in file_names]
    series = Counter(found[1] for name in names if (found := NUMBERED.fullmatch(name)))
    long = {prefix: n for prefix, n in series.items() if n >= 3}
    several = len(long) > 1 or any(VIDEO.search(prefix.lower()) for prefix in long)
    return several and sum(long.values()) >= len(names) / 2
