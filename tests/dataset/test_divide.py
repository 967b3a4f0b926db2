"""One set into splits: the class mix is kept, nothing is lost, nothing is in two."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dataset.divide import deal, divide, keep_apart
from pipeline.dataset.rules import RepairLog
from pipeline.dataset.splits import Box, Image, Split


def split(name, files, boxes=(), folder="/pictures"):
    images = [Image(number, file, 9, 9) for number, file in enumerate(files, 1)]
    annotations = [
        Box(number, image, category, [0, 0, 1, 1], 1, 0) for number, (image, category) in enumerate(boxes, 1)
    ]
    return Split(name, Path(f"{name}.json"), folder, Path(folder), images, annotations)


def skewed(images, seed):
    """Counts of a common, a middling and a rare class that come in crowds."""
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.poisson(6, images), rng.poisson(1, images), 3 * (rng.random(images) < 0.05)])


@pytest.mark.parametrize("seed", range(5))
def test_the_class_mix_is_kept(seed):
    counts = skewed(1000, seed)
    fractions = [0.7, 0.2, 0.1]
    chosen = deal(counts, fractions, seed)
    for index, fraction in enumerate(fractions):
        share = counts[chosen == index].sum(axis=0) / counts.sum(axis=0)
        assert share == pytest.approx([fraction] * 3, abs=0.02)
        assert (chosen == index).mean() == pytest.approx(fraction, abs=0.01)


def test_the_mix_is_closer_than_chance():
    counts = skewed(1000, 0)
    rng = np.random.default_rng(1)

    def distance(val):
        return np.abs(counts[val].sum(axis=0) / counts.sum(axis=0) - 0.2).max()

    ours = [distance(deal(counts, [0.8, 0.2], seed) == 1) for seed in range(10)]
    chance = [distance(rng.permutation(1000) < 200) for _ in range(200)]
    assert max(ours) < 0.5 * np.median(chance)


def test_crowded_and_empty_images_go_to_both_splits():
    counts = skewed(600, 3)
    boxes = counts.sum(axis=1)
    val = deal(counts, [0.8, 0.2], 0) == 1
    assert boxes[val].mean() == pytest.approx(boxes[~val].mean(), rel=0.05)
    assert boxes[val].std() == pytest.approx(boxes[~val].std(), rel=0.25)


def test_the_seed_decides():
    counts = skewed(200, 0)
    assert (deal(counts, [0.8, 0.2], 4) == deal(counts, [0.8, 0.2], 4)).all()
    assert (deal(counts, [0.8, 0.2], 4) != deal(counts, [0.8, 0.2], 5)).any()


def test_a_class_on_a_single_image_is_trained_on():
    counts = np.ones((50, 2), dtype=int)
    counts[:, 1] = 0
    counts[17, 1] = 1
    for seed in range(10):
        assert deal(counts, [0.6, 0.4], seed)[17] == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abcdefgh")), min_size=1, max_size=30), st.integers(0, 99))
def test_every_image_is_in_one_split_with_all_its_boxes_and_equal_contents_stay_together(images, seed):
    boxes = [(number, 1) for number, (count, _) in enumerate(images, 1) for _ in range(count)]
    whole = split("train", [f"{number}.jpg" for number in range(len(images))], boxes)
    hashes = {path: content for path, (_, content) in zip(whole.paths(), images, strict=True)}
    parts = divide(whole, hashes, 1, {"train": 0.7, "val": 0.3}, seed)
    assert sorted(image.id for part in parts for image in part.images) == [image.id for image in whole.images]
    for part in parts:
        ids = {image.id for image in part.images}
        assert part.annotations == [box for box in whole.annotations if box.image_id in ids]
    train, val = ({hashes[path] for path in part.paths()} for part in parts)
    assert not train & val


def test_a_file_in_two_splits_stays_where_it_is_scored():
    log = RepairLog()
    train = split("train", ["a", "b", "c"], [(1, 1), (2, 1), (3, 1)])
    val = split("val", ["b", "./d", "e"], [(1, 1)])
    test = split("test", ["d", "../pictures/c"], folder="/pictures")
    kept = keep_apart([train, val, test], log)
    assert [[image.file_name for image in part.images] for part in kept] == [
        ["a"],
        ["b", "e"],
        ["d", "../pictures/c"],
    ]
    assert [box.image_id for box in kept[0].annotations] == [1]
    assert log.counts == {"image_in_two_splits": 3}
    assert {"rule": "image_in_two_splits", "split": "train", "id": 2, "detail": "b stays in val"} in log.details


def test_equal_names_in_different_folders_are_different_files():
    log = RepairLog()
    kept = keep_apart([split("train", ["a"], folder="/train"), split("val", ["a"], folder="/val")], log)
    assert [len(part.images) for part in kept] == [1, 1]
    assert not log.counts
