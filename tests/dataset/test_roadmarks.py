"""The synthetic set: its counts, its boxes, its bytes, and that the classes can be told apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.common.coco import MEDIUM, SMALL
from pipeline.dataset.roadmarks import CLASSES, draw
from pipeline.dataset.roadmarks.compose import compose, extent, visible
from pipeline.dataset.roadmarks.deck import FEWEST, MOST, class_counts, deal


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A third of the demo's images."""
    folder = tmp_path_factory.mktemp("drawn") / "images"
    return folder, draw(40, 20, (256, 160), 0, folder)


def test_the_articles_proportions():
    assert class_counts(5000) == [1465, 1133, 638, 622, 1142]
    assert class_counts(480) == [141, 109, 61, 60, 109]


@given(st.integers(5, 10_000))
def test_proportions_of_any_total(total):
    counts = np.array(class_counts(total))
    assert counts.sum() == total
    assert (np.abs(counts - np.array(list(CLASSES.values())) * total / 5000) < 1).all()


@given(st.integers(1, 200), st.integers(0, 1000))
def test_every_mark_is_dealt_once(images, seed):
    hands = deal(np.random.default_rng(seed), images)
    assert len(hands) == images
    assert all(FEWEST <= len(hand) <= MOST for hand in hands)
    counts = np.bincount(np.concatenate(hands), minlength=5)
    assert counts.tolist() == class_counts(max(4 * images, 5))
    assert counts.min() > 0


def test_the_set_has_the_counts_it_promises(drawn):
    _, splits = drawn
    for name, images in {"train": 40, "val": 20}.items():
        categories = [box["category_id"] - 1 for box in splits[name]["annotations"]]
        assert np.bincount(categories).tolist() == class_counts(4 * images)


def test_every_split_has_small_medium_and_large_boxes_most_of_them_medium(drawn):
    for split in drawn[1].values():
        areas = np.array([box["area"] for box in split["annotations"]])
        small, large = (areas < SMALL).mean(), (areas >= MEDIUM).mean()
        assert 0.05 < small < 0.35
        assert 0.005 < large < 0.3
        assert small + large < 0.5


def test_boxes_lie_in_their_image_and_are_worth_learning(drawn):
    for split in drawn[1].values():
        for box in split["annotations"]:
            x, y, width, height = box["bbox"]
            assert min(x, y) >= 0
            assert x + width <= 256
            assert y + height <= 160
            assert min(width, height) >= 4


def test_a_box_is_the_extent_of_its_mark(drawn):
    """Red, dark and blue pixels are where the boxes of the signs say, to a pixel of blur."""
    folder, splits = drawn
    checked = 0
    for image in splits["val"]["images"]:
        pixels = np.asarray(Image.open(folder / image["file_name"]).convert("RGB"), dtype=int)
        red = (pixels[..., 0] > 1.6 * pixels[..., 1]) & (pixels[..., 0] > 60)
        boxes = [box for box in splits["val"]["annotations"] if box["image_id"] == image["id"]]
        signs = [box for box in boxes if box["category_id"] in (4, 5)]
        for sign in signs:
            x, y, width, height = sign["bbox"]
            alone = all(other is sign or not _near(sign["bbox"], other["bbox"]) for other in boxes)
            if alone and x > 3 and y > 3 and x + width < 253 and width > 20:
                left, top, wide, high = extent(red[y - 3 : y + height + 3, x - 3 : x + width + 3])
                assert [left - 3, top - 3, wide, high] == pytest.approx([0, 0, width, height], abs=1)
                checked += 1
    assert checked >= 5


def _near(one, two):
    return all(
        one[axis] - 4 < two[axis] + two[axis + 2] and two[axis] - 4 < one[axis] + one[axis + 2] for axis in (0, 1)
    )


def test_what_nearer_marks_leave_to_see():
    far, near = np.zeros((4, 6)), np.zeros((4, 6))
    far[1:3, 1:5] = 1
    near[:, 3:] = 1
    seen = visible([far, near])
    assert extent(seen[0] >= 0.5) == [1, 1, 2, 2]
    assert extent(seen[1] >= 0.5) == [3, 0, 3, 4]


def test_equal_seeds_give_equal_bytes_and_others_do_not(tmp_path):
    for name, seed in {"one": 1, "again": 1, "two": 2}.items():
        draw(2, 1, (96, 64), seed, tmp_path / name)
    one, again, two = (
        [path.read_bytes() for path in sorted((tmp_path / name).iterdir())] for name in ("one", "again", "two")
    )
    assert one == again
    assert one != two
    assert len(set(one)) == 3


@pytest.mark.parametrize("size", [(64, 64), (64, 200), (300, 64), (400, 250)])
def test_any_size_is_drawn(size):
    for seed in range(3):
        picture, boxes = compose(np.random.default_rng(seed), [0, 1, 2, 3, 4, 0], size)
        assert picture.size == size
        assert sorted(category for category, _ in boxes) == [0, 0, 1, 2, 3, 4]
        assert all(min(box[2:]) > 0 for _, box in boxes)
