"""The data card: what the study trains on and is scored on, counted; and how it reads when printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.dataset.fed import TINY, size_classes
from pipeline.dataset.pictures.look import Picture
from pipeline.dataset.splits import Split
from pipeline.records import Card
from pipeline.records.card import BoxesPerImage, PictureCounts, SplitCounts

PICTURES = {
    "turned": "pictures that their EXIF orientation turns",
    "deep": "warning: pictures deeper than 8 bit, of which the loader keeps the upper 8",
    "transparent": "warning: pictures with alpha that hides something; the loader drops it",
    "early": "pictures that end early; what is missing is grey",
}
SHOWN = 3  # likely leaks that the printed card names


def text(card: Card) -> str:
    """Counts, a row a class and a column a split; then what may surprise, where there is any of it."""
    lines = [f"{card.name}: {len(card.classes)} classes, digest {card.digest[:12]}", *_table(card), *_sizes(card)]
    lines += [f"{rule.count:,} x {name}: {rule.meaning}" for name, rule in card.repairs.items()]
    unused = [str(entry["detail"]) for entry in card.details if entry["rule"] == "category_unused"]
    lines += [f"left out: {', '.join(unused)}"] if unused else []
    for what, found in (("duplicate", card.duplicates), ("leak between splits", card.leaks)):
        lines += [f"{found.count:,} x {what}: files of equal content"] if found.count else []
    if card.likely_leaks.count:
        pairs = card.likely_leaks.groups[:SHOWN]
        shown = "; ".join(" and ".join(f"{one.split}/{one.file_name}" for one in pair) for pair in pairs)
        lines.append(
            f"{card.likely_leaks.count:,} x likely leak: near-equal pictures in two splits ({shown}); if they are "
            "frames of one video, dataset.group keeps them together"
        )
    return "\n".join(lines)


def _table(card: Card) -> list[str]:
    splits, fed = card.splits.values(), card.fed.values()
    rows = [("images", [split.images for split in splits]), ("boxes", [split.boxes for split in splits])]
    rows += [(name, [split.classes[name] for split in splits]) for name in card.classes]
    size = _size(card)
    unusual = [
        ("groups", list(card.groups.values())),
        ("crowd boxes", [split.crowd for split in splits]),
        ("images without boxes", [split.images_without_boxes for split in splits]),
        (f"boxes with a side below 1 px as fed, at {size}", [counts.below_one_pixel for counts in fed]),
        (f"boxes with a side below {TINY} px as fed, at {size}", [counts.tiny for counts in fed]),
        ("boxes with a side below 1 px as stored: training drops them", [counts.left_out_boxes for counts in fed]),
        *((words, [getattr(counts, key) for counts in card.pictures.values()]) for key, words in PICTURES.items()),
    ]
    rows += [(label, counts) for label, counts in unusual if any(counts)]
    width = max(len(label) for label, _ in rows)
    head = " " * width + "".join(f"{split:>10}" for split in card.splits)
    return [head, *(f"{label:<{width}}" + "".join(f"{count:>10,}" for count in counts) for label, counts in rows)]


def _sizes(card: Card) -> list[str]:
    lines = []
    for split, fed in card.fed.items():
        counts = fed.sizes.model_dump()
        shares = [f"{100 * count / max(sum(counts.values()), 1):.0f} % {name}" for name, count in counts.items()]
        lines.append(f"{split}, boxes as fed at {_size(card)}: {', '.join(shares)}")
    left_out = card.fed["train"].left_out_images if "train" in card.fed else 0
    if left_out:
        used = card.splits["train"].images - left_out
        lines.append(f"training uses {used:,} images: it leaves out the {left_out:,} without any box")
    return lines


def _size(card: Card) -> str:
    return "x".join(map(str, card.image_size or ()))


def describe(split: Split, classes: Sequence[str]) -> SplitCounts:
    """Counts of one split. Crowd regions are counted apart: they are neither trained on nor scored."""
    real = split.boxes()
    by_class = Counter(box.category_id for box in real)
    by_image = Counter(box.image_id for box in real)
    boxes = np.array([by_image[image.id] for image in split.images], dtype=np.int64)
    return SplitCounts(
        images=len(split.images),
        boxes=len(real),
        crowd=len(split.annotations) - len(real),
        images_without_boxes=int((boxes == 0).sum()),
        classes={name: by_class[number] for number, name in enumerate(classes, start=1)},
        sizes=size_classes(np.array([box.area for box in real], dtype=float)),
        boxes_per_image=BoxesPerImage(
            min=int(boxes.min()),
            median=float(np.median(boxes)),
            mean=float(boxes.mean()),
            max=int(boxes.max()),
            histogram=np.bincount(boxes).tolist(),
        ),
    )


def describe_pictures(split: Split, pictures: Mapping[Path, Picture]) -> PictureCounts:
    """How many pictures of the split the loader turns, cuts to 8 bit, strips of alpha, or reads without their end."""
    found = [pictures[path] for path in split.paths()]
    return PictureCounts(**{key: sum(getattr(picture, key) for picture in found) for key in PICTURES})
