"""Kinds of real-world data sets, drawn here: what goes in mended, and what is refused in which words."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.common.errors import UserError
from pipeline.dataset import load_split, prepare, text
from pipeline.records import Card
from pipeline.study.datasets import Coco

from . import made

Data = dict[str, Any]
SPLITS = ("train", "val")


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    for split in SPLITS:
        made.draw(tmp_path / "images", split, made.rows(split))
    return tmp_path


def run(folder: Path, change: Callable[[Data], None], only: str | None = None, **keys: Any) -> Card:
    """The drawn set with both files (or only one) changed, prepared."""
    for split in SPLITS:
        data = json.loads(made.as_coco(made.rows(split)))
        if only in (None, split):
            change(data)
        (folder / f"{split}.json").write_text(json.dumps(data))
    given = {"source": "coco", "origin": str(folder), "images": str(folder / "images"), **keys}
    dataset = Coco.model_validate({**given, "train": "train.json", "val": "val.json"})
    return prepare(dataset, folder / "coco", (96, 64), folder / "known")


def each(part: str, change: Callable[[Data], Any]) -> Callable[[Data], None]:
    def changed(data: Data) -> None:
        for record in data[part]:
            change(record)

    return changed


def ids_as_text(data: Data) -> None:
    for box in data["annotations"]:
        box["image_id"], box["category_id"] = str(box["image_id"]), str(box["category_id"])


def images_as_text(data: Data) -> None:
    for image in data["images"]:
        image["id"] = str(image["id"])


def whole_floats(data: Data) -> None:
    for part in ("images", "annotations", "categories"):
        for record in data[part]:
            for key in record.keys() & {"id", "image_id", "category_id", "width", "height", "iscrowd"}:
                record[key] = float(record[key])


def huge(data: Data) -> None:
    for image in data["images"]:
        image["id"] += 2**70
    for box in data["annotations"]:
        box["id"] += 2**64
        box["image_id"] += 2**70


def names_as_numbers(data: Data) -> None:
    for index, category in enumerate(data["categories"]):
        category["name"] = index


def unused(data: Data) -> None:
    data["categories"] += [{"id": number, "name": f"other {number}"} for number in range(7, 40)]


def a_name_twice(data: Data) -> None:
    data["categories"].append({"id": 9, "name": "cone"})
    data["annotations"][0]["category_id"] = 9


def polygons(data: Data) -> None:
    for box in data["annotations"]:
        x, y, width, height = box.pop("bbox")
        box["segmentation"] = [[x, y, x + width, y, x + width, y + height, x, y + height]]


def rotated(data: Data) -> None:
    """The same boxes as rectangles turned by a right angle about their centres, as CVAT writes them."""
    for box in data["annotations"]:
        x, y, width, height = box["bbox"]
        box["bbox"] = [x + (width - height) / 2, y + (height - width) / 2, height, width]
        box["attributes"] = {"occluded": False, "rotation": 90.0}


@pytest.mark.parametrize(
    ("change", "rule", "keys"),
    [
        (ids_as_text, "ids_as_text", {}),
        (images_as_text, "ids_as_text", {}),
        (each("images", lambda image: image.update(width=-1, height=0)), "size_filled", {}),
        (each("images", lambda image: image.pop("width")), "size_filled", {}),
        (each("images", lambda image: image.update(height=math.nan)), "size_filled", {}),
        (each("annotations", lambda box: box.update(iscrowd=None)), "iscrowd_filled", {}),
        (whole_floats, "whole_floats", {}),
        (huge, "box_ids_renumbered", {}),
        (unused, "category_unused", {}),
        (polygons, "box_from_polygon", {}),
        (rotated, "rotated_to_envelope", {"rotated": "envelope"}),
        (each("images", lambda image: image.update(file_name="./" + image["file_name"])), None, {}),
    ],
)
def test_what_is_mended_gives_the_very_set(drawn: Path, change: Any, rule: str | None, keys: Any) -> None:
    plain = run(drawn, lambda data: None)
    card = run(drawn, change, **keys)
    assert card.digest == plain.digest
    assert (rule is None and not card.repairs) or rule in card.repairs


def test_names_that_are_numbers_and_names_that_are_given_twice(drawn: Path) -> None:
    assert run(drawn, names_as_numbers).classes == ["0", "1"]
    card = run(drawn, a_name_twice)
    assert card.repairs["categories_joined"].count == 2
    assert card.classes == ["barrel", "cone"]


def test_backslashes_are_slashes(drawn: Path) -> None:
    change = each("images", lambda image: image.update(file_name="images\\" + image["file_name"]))
    card = run(drawn, change, images=str(drawn))
    assert card.repairs["backslashes"].count == 12
    assert load_split(drawn / "coco/val.json")["images"][0]["file_name"] == "images/val_0.jpg"


def test_one_file_under_several_ids_is_one_image_with_the_boxes_of_all(drawn: Path) -> None:
    def change(data: Data) -> None:
        data["images"][2]["file_name"] = data["images"][1]["file_name"]
        data["annotations"].append({**copy.deepcopy(data["annotations"][1]), "id": 99, "image_id": 3})

    card = run(drawn, change, only="train")
    assert (card.splits["train"].images, card.splits["train"].boxes) == (5, 11)
    assert {rule: found.count for rule, found in card.repairs.items()} == {"file_shared": 1, "equal_box_dropped": 1}
    assert "1 x file_shared" in text(card)


def test_nan_and_infinity_are_named_all_at_once(drawn: Path) -> None:
    change = each("annotations", lambda box: box.update(bbox=[math.nan, 1, 2, 3 if box["id"] % 2 else math.inf]))
    with pytest.raises(UserError) as error:
        run(drawn, change)
    lines = str(error.value).split("\n")
    assert lines[0] == (
        f"{drawn}/train.json: annotation 1: bbox ['NaN', 1, 2, 3] is not four finite numbers [x, y, width, height]"
    )
    assert len(lines) == 11
    assert lines[-1] == "... and 12 more"


def corners(box: Data) -> None:
    x, y, width, height = box["bbox"]
    box["bbox"] = [x, y, x + width, y + height]


def normalised(box: Data) -> None:
    x, y, width, height = box["bbox"]
    box["bbox"] = [x / 64, y / 48, width / 64, height / 48]


def all_in(name: str) -> Callable[[Data], None]:
    return each("annotations", lambda box: box.update(category_id=2 if name == "cone" else 1))


@pytest.mark.parametrize(
    ("change", "only", "words"),
    [
        (each("annotations", normalised), None, ["below 1 px", "normalised", "dataset.boxes: as_given"]),
        (each("annotations", corners), None, ["over the edge", "x1, y1, x2, y2", "dataset.boxes: as_given"]),
        (rotated, None, ["annotation 1: rotated by 90 degrees", "dataset.rotated: envelope"]),
        (each("annotations", lambda box: box.update(iscrowd=1)), "train", ["train", "all boxes are crowd"]),
        (each("annotations", lambda box: box.update(iscrowd=1)), "val", ["val", "all boxes are crowd"]),
        (each("annotations", lambda box: box.update(bbox=[1, 1, 0, 0])), None, ["no boxes", "all are empty"]),
        (lambda data: data.update(annotations=[]), "val", ["val.json", "split val has no boxes"]),
        (lambda data: data.update(annotations=[], categories=[]), None, ["there are no categories"]),
        (all_in("cone"), "train", ["category 'barrel' has no boxes to train on (6 in val)", 'classes: ["cone"]']),
        (each("images", lambda image: image.update(file_name="s3://a/b.jpg")), None, ["is a URL", "on this machine"]),
        (each("images", lambda image: image.update(file_name="../x.jpg")), None, ["points out of", "outside: allowed"]),
        (each("images", lambda image: image.update(file_name="/etc/x.jpg")), None, ["points out of", "outside"]),
        (each("images", lambda image: image.update(file_name=image["file_name"].upper())), None, ["case only"]),
        (each("annotations", lambda box: box.update(image_id=77)), None, ["annotation 1: image_id 77 is no image"]),
    ],
)
def test_what_is_refused_and_how(drawn: Path, change: Any, only: str | None, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        run(drawn, change, only)
    for word in words:
        assert word in str(error.value)
    assert not (drawn / "coco").exists()


@pytest.mark.parametrize("change", [corners, normalised])
def test_numbers_are_taken_as_they_are_where_that_is_asked_for(drawn: Path, change: Any) -> None:
    assert run(drawn, each("annotations", change), boxes="as_given").splits["train"].boxes == 11


def test_few_tiny_boxes_and_many_a_pixel_over_the_edge_are_no_guess(drawn: Path) -> None:
    def change(data: Data) -> None:
        for box in data["annotations"]:
            box["bbox"] = [64 - 20, 20, 21, 29] if box["id"] % 5 else [3, 3, 0.5, 0.5]

    assert run(drawn, change).repairs["box_clipped"].count == 18


def test_printed_counts(drawn: Path) -> None:
    def change(data: Data) -> None:
        data["annotations"][0]["iscrowd"] = 1
        data["annotations"][2]["bbox"][2] = 0.6

    printed = text(run(drawn, change, only="train"))
    for label, counts in {
        "crowd boxes": (1, 0), "images without boxes": (1, 0), "boxes with a side below 1 px as fed, at 96x64": (1, 0),
        "boxes with a side below 1 px as stored": (1, 0),
    }.items():  # fmt: skip
        (line,) = [line for line in printed.split("\n") if line.startswith(label)]
        assert tuple(int(word) for word in line.split()[-2:]) == counts
    quiet = text(run(drawn, lambda data: None))
    assert "crowd" not in quiet
    assert "without boxes" not in quiet


def frames(folder: Path) -> Path:
    """Ten videos of twelve near-equal frames: a slope of its own each, and a box that moves by a pixel a frame."""
    (folder / "images").mkdir()
    images: list[Data] = []
    boxes: list[Data] = []
    for video in range(10):
        rng = np.random.default_rng(video)
        shades = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        scene = Image.fromarray(shades).resize((96, 64), Image.Resampling.BICUBIC)
        for frame in range(12):
            name = f"v{video}_frame{frame:02d}.png"
            picture = scene.copy()
            picture.paste((255, 255, 255), (10 + frame, 20, 16 + frame, 26))
            picture.save(folder / "images" / name)
            images.append({"id": len(images) + 1, "file_name": name, "video_id": video})
            boxes.append({"id": len(images), "image_id": len(images), "category_id": 1, "bbox": [10 + frame, 20, 6, 6]})
    data = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "mark"}]}
    (folder / "all.json").write_text(json.dumps(data))
    return folder / "all.json"


@pytest.mark.parametrize("group", [r"(.+)_frame\d+", "video_id"])
def test_frames_of_one_video_stay_together_where_groups_are_given(tmp_path: Path, group: str) -> None:
    given = {"source": "coco", "origin": str(frames(tmp_path)), "images": str(tmp_path / "images")}
    split = {"val": 0.3, "seed": 0}
    torn = prepare(Coco.model_validate({**given, "split": split}), tmp_path / "torn", (96, 64), tmp_path / "known")
    assert torn.likely_leaks.count >= 30  # nearly every frame of val has a twin in train
    assert "x likely leak: near-equal pictures in two splits" in text(torn)
    whole = Coco.model_validate({**given, "split": split, "group": group})
    card = prepare(whole, tmp_path / "coco", (96, 64), tmp_path / "known")
    assert card.groups == {"train": 7, "val": 3}
    homes = [{image["group"] for image in load_split(tmp_path / f"coco/{name}.json")["images"]} for name in card.splits]
    assert not homes[0] & homes[1]
    assert card.likely_leaks.count == 0


def test_groups_that_given_splits_tear_and_images_without_a_group(tmp_path: Path) -> None:
    file = frames(tmp_path)
    data = json.loads(file.read_text())
    for name, rest in {"train": 0, "val": 1}.items():
        images = [image for image in data["images"] if image["id"] % 2 == rest]
        ids = {image["id"] for image in images}
        boxes = [box for box in data["annotations"] if box["image_id"] in ids]
        (tmp_path / f"{name}.json").write_text(json.dumps({**data, "images": images, "annotations": boxes}))
    given = {"source": "coco", "origin": str(tmp_path), "images": str(tmp_path / "images")}
    given |= {"train": "train.json", "val": "val.json"}
    with pytest.raises(UserError, match=r"10 groups have images in two splits \('0': 6 in train, 6 in val;"):
        prepare(Coco.model_validate({**given, "group": "video_id"}), tmp_path / "coco", None, tmp_path / "known")
    with pytest.raises(UserError, match=r"image 2: dataset.group: no key 'clip'"):
        prepare(Coco.model_validate({**given, "group": "clip"}), tmp_path / "coco", None, tmp_path / "known")
    with pytest.raises(UserError, match=r"dataset.group: 'clip_\(.+\)' does not fit 'v0_frame01.png'"):
        prepare(Coco.model_validate({**given, "group": "clip_(.+)"}), tmp_path / "coco", None, tmp_path / "known")
