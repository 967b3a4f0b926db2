"""Near-equal pictures, by the perceptual hash of ImageHash: frames of one video, re-encoded copies."""

from __future__ import annotations

import cv2
import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 64  # pixels; the hash looks at the lowest frequencies of a small grey picture
NEAR = 4  # bits of 64 that near-equal pictures may differ in


def fingerprint(pixels: NDArray[np.uint8]) -> int:
    """The 64 bits of the picture's perceptual hash."""
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey = Image.fromarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
    return int(str(imagehash.phash(grey)), 16)


def near_pairs(one: NDArray[np.uint64], two: NDArray[np.uint64]) -> list[tuple[int, int]]:
    """Indices of pictures of `one` and the nearest of `two` that is near-equal, each of `one` once."""
    pairs = []
    for index, print_ in enumerate(one):
        distance = np.bitwise_count(two ^ print_)
        nearest = int(distance.argmin()) if len(two) else -1
        if nearest >= 0 and distance[nearest] <= NEAR:
            pairs.append((index, nearest))
    return pairs
