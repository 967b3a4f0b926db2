"""Which marks each image holds: the article's class proportions, dealt like cards."""

from __future__ import annotations

import numpy as np

# The article's count table: 5,000 boxes on 2,226 images
CLASSES = {
    "red_tl": 1465,
    "arr_s": 1133,
    "arr_l": 638,
    "no_driving_mark_allsort": 622,
    "no_parking_mark": 1142,
}
MEAN, FEWEST, MOST = 4, 2, 6  # marks an image


def class_counts(total: int) -> list[int]:
    """`total` marks shared out in the article's proportions, by largest remainder."""
    shares = np.array(list(CLASSES.values())) * total / sum(CLASSES.values())
    counts = np.floor(shares).astype(int)
    counts[np.argsort(counts - shares, kind="stable")[: total - counts.sum()]] += 1
    return counts.tolist()


def deal(rng: np.random.Generator, images: int) -> list[list[int]]:
    """For each image the class numbers (from 0) of its marks: `FEWEST` to `MOST`, `MEAN` on average.

    One image alone holds one mark of each class, so that the smallest set has all five.
    """
    cards = np.repeat(np.arange(len(CLASSES)), class_counts(max(MEAN * images, len(CLASSES))))
    rng.shuffle(cards)
    sizes = np.full(images, MEAN)
    for giver, taker in rng.integers(images, size=(2 * images, 2)):
        if giver != taker and sizes[giver] > FEWEST and sizes[taker] < MOST:
            sizes[giver] -= 1
            sizes[taker] += 1
    return [hand.tolist() for hand in np.split(cards, np.cumsum(sizes)[:-1])]
