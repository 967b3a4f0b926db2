"""The card's numbers, against a set counted by hand."""

from collections import Counter
from pathlib import Path

from pipeline.dataset.card import describe
from pipeline.dataset.leaks import equal_content
from pipeline.dataset.rules import RULES, RepairLog
from pipeline.dataset.splits import Box, Image, Split
from pipeline.records.card import Repair


def split(name, files, annotations=()):
    images = [Image(number, file, 200, 200) for number, file in enumerate(files, 1)]
    return Split(name, Path(f"{name}.json"), "i", Path("i"), images, list(annotations))


def box(image, category, area, crowd=0):
    return Box(1, image, category, [0, 0, 10, 10], area, crowd)


def test_counts_by_hand():
    # sizes at their edges: 32^2 = 1024 is medium, 96^2 = 9216 is large
    annotations = [box(1, 1, 1023), box(1, 1, 1024), box(1, 2, 9215), box(3, 2, 9216), box(3, 2, 9216, crowd=1)]
    assert describe(split("val", "abcd", annotations), ["sign", "light", "arrow"]).model_dump() == {
        "images": 4,
        "boxes": 4,
        "crowd": 1,
        "images_without_boxes": 2,
        "classes": {"sign": 2, "light": 2, "arrow": 0},
        "sizes": {"small": 1, "medium": 2, "large": 1},
        "boxes_per_image": {"min": 0, "median": 0.5, "mean": 1.0, "max": 3, "histogram": [2, 1, 0, 1]},
    }


def test_equal_contents():
    train, val, test = split("train", "abc"), split("val", "de"), split("test", "f")
    hashes = {Path("i") / file: content for file, content in zip("abcdef", "xxyyzx", strict=True)}
    duplicates, leaks = equal_content([train, val, test], hashes)
    assert duplicates.model_dump() == {
        "count": 1,
        "groups": [[{"split": "train", "file_name": "a"}, {"split": "train", "file_name": "b"}]],
    }
    assert leaks.count == 3  # x: b beside a, f; y: d beside c
    assert [[record.file_name for record in group] for group in leaks.groups] == [["a", "b", "f"], ["c", "d"]]


def test_repairs_come_in_the_order_of_the_rules_with_their_meaning():
    log = RepairLog(Counter({"area_filled": 2, "empty_box_dropped": 3}))
    assert list(log.summary().items()) == [
        ("empty_box_dropped", Repair(count=3, meaning=RULES["empty_box_dropped"])),
        ("area_filled", Repair(count=2, meaning=RULES["area_filled"])),
    ]
