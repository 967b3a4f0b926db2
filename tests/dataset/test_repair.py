"""The rules, against boxes computed by hand, and what must hold for any box."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.common.errors import UserError
from pipeline.dataset.classes import choose_classes
from pipeline.dataset.repair import clip, repair
from pipeline.dataset.rules import LISTED, RULES
from pipeline.dataset.splits import Box, Image

from .make import checked


def data(*annotations, image_id=1, category_id=1):
    return {
        "images": [{"id": image_id, "file_name": "a.jpg", "width": 100, "height": 50, "licence": 3}],
        "annotations": [{"image_id": image_id, "category_id": category_id} | annotation for annotation in annotations],
        "categories": [{"id": category_id, "name": "sign"}],
    }


def repaired(*annotations, **ids):
    found, mistakes, log = checked(data(*annotations, **ids))
    assert not mistakes
    images, boxes = repair(found, ["sign"], log)
    return images, boxes, log


def good(**values):
    return {"id": 1, "bbox": [10, 20, 30, 5], "area": 100, "iscrowd": 0} | values


def test_a_sound_file_is_left_alone():
    images, boxes, log = repaired(good())
    assert images == [Image(1, "a.jpg", 100, 50)]
    assert boxes == [Box(**good(image_id=1, category_id=1))]
    assert not log.counts


@pytest.mark.parametrize(
    ("box", "expected", "rule"),
    [
        ([10, 20, 30, 5], [10, 20, 30, 5], None),
        ([0, 0, 100, 50], [0, 0, 100, 50], None),
        ([90, 40, 20, 20], [90, 40, 10, 10], "box_clipped"),
        ([-5, -4, 10, 10], [0, 0, 5, 6], "box_clipped"),
        ([-5, -5, 200, 200], [0, 0, 100, 50], "box_clipped"),
        ([99.5, 0, 1, 1], [99.5, 0, 0.5, 1], "box_clipped"),
        ([10, 20, 0, 5], None, "empty_box_dropped"),
        ([10, 20, 5, -1], None, "empty_box_dropped"),
        ([0, 0, 0, 0], None, "empty_box_dropped"),
        ([100, 20, 5, 5], None, "box_outside_dropped"),
        ([-9, 20, 9, 5], None, "box_outside_dropped"),
        ([10, 60, 5, 5], None, "box_outside_dropped"),
    ],
)
def test_boxes_by_hand(box, expected, rule):
    _, boxes, log = repaired(good(bbox=box, area=1))
    assert [found.bbox for found in boxes] == ([expected] if expected else [])
    assert list(log.counts) == ([rule] if rule else [])


finite = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(finite, finite, finite, finite), max_size=8), st.integers(1, 5000), st.integers(1, 5000))
def test_clipped_boxes_lie_in_the_image_and_clipping_twice_changes_nothing(boxes, width, height):
    before = np.array(boxes, dtype=float).reshape(-1, 4)
    limits = np.tile([float(width), float(height)], (len(before), 1))
    after = clip(before, limits)
    real = (before[:, 2:] > 0).all(axis=1) & (after[:, 2:] > 0).all(axis=1)
    low, high = after[real, :2], after[real, :2] + after[real, 2:]
    assert (low >= 0).all()
    assert (high <= limits[real] * (1 + 1e-12)).all()
    # nothing of the box that lies in the image is lost, nothing is added
    assert np.allclose(low, np.clip(before[real, :2], 0, limits[real]))
    assert np.allclose(high, np.clip(before[real, :2] + before[real, 2:], 0, limits[real]), atol=1e-6)
    inside = real & ((before[:, :2] >= 0) & (before[:, :2] + before[:, 2:] <= limits)).all(axis=1)
    assert (after[inside] == before[inside]).all()
    assert np.allclose(clip(after[real], limits[real]), after[real])


@pytest.mark.parametrize(
    ("stated", "kept"),
    [(100, True), (0.5, True), (150, True), (186, True), (187, False), (0, False), (-3, False), ("100", False)],
)
def test_a_stated_area_is_kept_where_it_can_be_true(stated, kept):
    # the box is 30 x 5 = 150; with both edge pixels counted 31 x 6 = 186
    _, (box,), log = repaired(good(area=stated))
    assert box.area == (stated if kept else 150)
    assert ("area_filled" in log.counts) is not kept


def test_missing_area_and_iscrowd_are_filled():
    _, (box,), log = repaired({"id": 1, "bbox": [1, 2, 3, 4]})
    assert (box.area, box.iscrowd) == (12, 0)
    assert log.counts == {"area_filled": 1, "iscrowd_filled": 1}


def test_a_clipped_box_has_the_area_it_has_left():
    _, (box,), log = repaired(good(bbox=[90, 40, 20, 20], area=400))
    assert box.area == 100
    assert log.counts == {"box_clipped": 1, "area_filled": 1}


def test_an_ignored_box_becomes_crowd():
    _, (box,), log = repaired(good(ignore=1))
    assert box.iscrowd == 1
    assert log.counts == {"ignore_made_crowd": 1}


@pytest.mark.parametrize("ids", [[0, 1], [5, 5], [None, 2], ["a", "b"], [1, 2**63], [1, True]])
def test_box_ids_that_do_not_count_from_one_are_numbered_anew(ids):
    annotations = [good(id=number) if number is not None else {**good(), "id": None} for number in ids]
    _, boxes, log = repaired(*annotations)
    assert [box.id for box in boxes] == [1, 2]
    assert log.counts == {"box_ids_renumbered": 1}


def test_sound_box_ids_stay():
    _, boxes, log = repaired(good(id=17), good(id=3))
    assert [box.id for box in boxes] == [17, 3]
    assert not log.counts


@pytest.mark.parametrize("image_id", [0, -1, "a"])
def test_image_ids_are_numbered_anew_and_boxes_follow(image_id):
    images, boxes, log = repaired(good(), image_id=image_id)
    assert images[0].id == boxes[0].image_id == 1
    assert log.counts == {"image_ids_renumbered": 1}


def test_category_ids_become_contiguous_in_the_order_of_the_classes():
    file = data(good(id=1), good(id=2, category_id=90), good(id=3, category_id=7))
    file["categories"] = [{"id": 1, "name": "a"}, {"id": 90, "name": "b"}, {"id": 7, "name": "c"}]
    found, _, log = checked(file, "val")
    _, boxes = repair(found, ["c", "b"], log)
    assert [(box.id, box.category_id) for box in boxes] == [(2, 2), (3, 1)]
    assert log.counts == {"class_left_out": 1, "category_id_changed": 2}
    assert {"rule": "category_id_changed", "split": "val", "id": 90, "detail": "b is 2 now"} in log.details


def test_the_log_counts_all_and_lists_the_first():
    annotations = [good(id=number, bbox=[1, 1, 0, 0]) for number in range(1, LISTED + 11)]
    _, boxes, log = repaired(*annotations)
    assert boxes == []
    assert log.counts == {"empty_box_dropped": LISTED + 10}
    assert len(log.details) == LISTED
    assert log.details[0] == {
        "rule": "empty_box_dropped", "split": "train", "id": 1, "detail": "box [1, 1, 0, 0] of image 1",
    }  # fmt: skip


def test_every_rule_that_is_logged_has_a_meaning():
    _, _, log = repaired({"bbox": [-1, 0, 3, 3]}, {"bbox": [1, 1, 0, 0]}, {"bbox": [100, 1, 1, 1]}, image_id=0)
    assert set(log.counts) <= set(RULES)


def test_classes_of_all_files_in_the_first_ones_order(tmp_path):
    files = {tmp_path / "train.json": ["b", "a"], tmp_path / "val.json": ["a", "c"]}
    assert choose_classes(files, None) == ["b", "a", "c"]
    assert choose_classes(files, ["a", "b"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (["a", "x"], r"dataset.classes: 'x' is no category of t.json; allowed: b, a"),
        (["a", "a"], r"must name each class once"),
        ([], r"must name each class once, and at least one"),
    ],
)
def test_wrong_classes(wanted, text):
    with pytest.raises(UserError, match=text):
        choose_classes({Path("t.json"): ["b", "a"]}, wanted)
