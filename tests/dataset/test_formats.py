"""The same data set in each format and layout: the same prepared bytes; and what `explore` says of each."""

import json
from pathlib import Path

import pytest

from pipeline.common.errors import UserError
from pipeline.dataset import prepare
from pipeline.dataset.explore import explore, fit_image_size
from pipeline.study.datasets import OWN

from . import made

BCCD = Path(__file__).parents[3] / "shared" / "data" / "bccd"


def prepared(source, origin, out, **more):
    card = prepare(OWN[source](source=source, origin=str(origin), **more), out, (96, 64), out.parent / "known")
    return card, json.loads((out / "manifest.json").read_text())


@pytest.mark.parametrize("layout", [name for name in made.SPLIT if name != "roboflow coco"])
def test_equal_bytes_whichever_format_the_same_data_came_in(tmp_path, layout):
    made.cvat_coco(tmp_path / "coco")
    source, make = made.SPLIT[layout]
    make(tmp_path / "other")
    one, first = prepared("coco", tmp_path / "coco", tmp_path / "one")
    two, second = prepared(source, tmp_path / "other", tmp_path / "two")
    assert first["digest"] == second["digest"]
    a, b = (json.loads((tmp_path / out / "val.json").read_text()) for out in ("one", "two"))
    assert a["annotations"] == b["annotations"]
    assert a["categories"] == b["categories"]
    same = ("splits", "fed", "pictures", "duplicates", "repairs")
    assert all(getattr(one, key) == getattr(two, key) for key in same)


@pytest.mark.parametrize("layout", made.SPLIT)
def test_a_folder_is_recognised_and_counted(tmp_path, layout):
    source, make = made.SPLIT[layout]
    make(tmp_path / "it")
    found = explore(tmp_path / "it")
    assert (found.dataset.source, found.divided) == (source, False)
    assert found.counts()["train"] == (6, 11, 2)
    assert found.counts()["val"] == (6, 11, 2)
    assert found.classes() == {"barrel": 6 * len(found.splits), "cone": 5 * len(found.splits)}
    assert fit_image_size(found.splits, "cpu").size == (64, 64)  # 64x48, to multiples of 32


def test_one_set_is_to_be_divided(tmp_path):
    made.plain_coco(tmp_path / "it")
    found = explore(tmp_path / "it")
    assert found.divided
    assert found.dataset.split is not None
    assert found.counts() == {"train": (10, 19, 2)}
    assert found.splits[0].root == tmp_path / "it" / "images"


@pytest.mark.skipif(not BCCD.exists(), reason="the blood cell images of ../shared are not on this machine")
def test_real_blood_cells_in_three_formats(tmp_path):
    """COCO as it is, rewritten with ids from 1; VOC and YOLO written from it. VOC and YOLO hold no area and no ids."""
    names = ["Platelets", "RBC", "WBC"]  # VOC knows no other order than the alphabet's
    folder = tmp_path / "set"
    for split in ("train", "val"):
        data = json.loads((BCCD / f"annotations/instances_{split}.json").read_text())
        known = {category["id"]: category["name"] for category in data["categories"]}
        images = sorted(data["images"], key=lambda image: image["file_name"])
        new = {image["id"]: number for number, image in enumerate(images, 1)}
        # a box without a side cannot be told from a pixel in VOC
        boxes = [box for box in data["annotations"] if min(box["bbox"][2:]) > 0]
        boxes.sort(key=lambda box: new[box["image_id"]])
        kept = [
            {"id": number, "image_id": new[box["image_id"]], "category_id": names.index(known[box["category_id"]]) + 1,
             "bbox": box["bbox"], "iscrowd": 0}
            for number, box in enumerate(boxes, 1)
        ]  # fmt: skip
        categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
        coco = {"images": [{**image, "id": new[image["id"]]} for image in images], "annotations": kept}
        made.put(folder / f"{split}.json", json.dumps({**coco, "categories": categories}))
        (folder / "images" / split).mkdir(parents=True)
        for image in coco["images"]:
            (folder / "images" / split / image["file_name"]).symlink_to(BCCD / "images" / image["file_name"])
            own = [box for box in kept if box["image_id"] == image["id"]]
            _write_voc(folder, split, image, own, names)
            _write_yolo(folder, split, image, own)
        stems = [Path(image["file_name"]).stem for image in coco["images"]]
        made.put(folder / f"ImageSets/Main/{split}.txt", "\n".join(stems))
    made.put(folder / "data.yaml", f"train: images/train\nval: images/val\nnames: {names}\n")
    (folder / "JPEGImages").symlink_to(BCCD / "images")
    cards = [
        prepared(source, folder, tmp_path / source, outside="allowed", **more)[0]
        for source, more in {
            "coco": {"train": "train.json", "val": "val.json", "images": str(BCCD / "images")}, "voc": {}, "yolo": {},
        }.items()
    ]  # fmt: skip
    assert cards[0].digest == cards[1].digest
    assert cards[0].digest == cards[2].digest
    assert [split.boxes for split in cards[0].splits.values()] == [2804, 1137]


def _write_voc(folder, split, image, boxes, names):
    objects = "".join(
        f"<object><name>{names[box['category_id'] - 1]}</name><bndbox><xmin>{box['bbox'][0] + 1}</xmin>"
        f"<ymin>{box['bbox'][1] + 1}</ymin><xmax>{box['bbox'][0] + box['bbox'][2]}</xmax>"
        f"<ymax>{box['bbox'][1] + box['bbox'][3]}</ymax></bndbox></object>"
        for box in boxes
    )
    size = f"<size><width>{image['width']}</width><height>{image['height']}</height></size>"
    name = image["file_name"]
    made.put(
        folder / f"Annotations/{Path(name).stem}.xml",
        f"<annotation><filename>{name}</filename>{size}{objects}</annotation>",
    )


def _write_yolo(folder, split, image, boxes):
    lines = []
    for box in boxes:
        x, y, width, height = box["bbox"]
        sides = [(x + width / 2) / image["width"], (y + height / 2) / image["height"],
                 width / image["width"], height / image["height"]]  # fmt: skip
        lines.append(" ".join([str(box["category_id"] - 1), *(f"{side:.6f}" for side in sides)]))
    made.put(folder / f"labels/{split}/{Path(image['file_name']).stem}.txt", "\n".join(lines))


def test_image_sets_by_other_names(tmp_path):
    made.voc(tmp_path / "it")
    sets = tmp_path / "it" / "ImageSets" / "Main"
    (sets / "train.txt").rename(sets / "trainval.txt")
    (sets / "val.txt").rename(sets / "test.txt")
    with pytest.raises(UserError, match="no image set train and val; there are test, trainval: name them"):
        prepared("voc", tmp_path / "it", tmp_path / "one")
    card, _ = prepared("voc", tmp_path / "it", tmp_path / "one", train="trainval", val="test")
    assert {name: split.images for name, split in card.splits.items()} == {"train": 6, "val": 6}


def test_pictures_of_a_file_with_a_name_of_its_own(tmp_path):
    made.coco_2017(tmp_path / "it")
    folder = tmp_path / "it" / "annotations"
    (folder / "instances_val2017.json").rename(folder / "mine.json")
    named = {"train": "instances_train2017.json", "val": "mine.json"}
    _, manifest = prepared("coco", folder, tmp_path / "one", **named)
    assert manifest["splits"]["val"]["images"] == str(tmp_path / "it" / "val2017")
