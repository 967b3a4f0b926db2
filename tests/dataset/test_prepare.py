"""The stage from its two sources to data/coco."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from pycocotools.coco import COCO

from pipeline.common.errors import UserError
from pipeline.dataset import load_split, prepare, text
from pipeline.records import Card
from pipeline.records.card import Repair
from pipeline.study.datasets import Coco, Roadmarks

BCCD = Path(__file__).parents[3] / "shared" / "data" / "bccd"


def write(folder, name, images, boxes, categories=("sign", "light")):
    """A COCO file of images `(file, colour)` in `folder`/pictures, and boxes `(image, category, bbox)`."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for file, colour in images:
        Image.new("RGB", (40, 30), colour).save(folder / "pictures" / file)
    data = {
        "images": [{"id": n, "file_name": file, "width": 40, "height": 30} for n, (file, _) in enumerate(images, 1)],
        "annotations": [
            {"id": n, "image_id": image, "category_id": category, "bbox": bbox}
            for n, (image, category, bbox) in enumerate(boxes, 1)
        ],
        "categories": [{"id": n, "name": name} for n, name in enumerate(categories, 1)],
    }
    (folder / name).write_text(json.dumps(data))


@pytest.fixture
def own(tmp_path):
    """A train and a val file of the user's, three images and two; and the section of params.yaml."""
    source = tmp_path / "raw"
    boxes = [(1, 1, [1, 2, 3, 4]), (1, 2, [30, 20, 20, 20]), (2, 2, [5, 5, 10, 10]), (3, 1, [0, 0, 0, 7])]
    write(source, "train.json", [("a.png", "red"), ("b.png", "green"), ("c.png", "blue")], boxes)
    write(source, "val.json", [("d.png", "white"), ("e.png", "black")], [(1, 1, [0, 0, 40, 30])])
    params = {
        "source": "coco",
        "origin": str(source),
        "images": str(source / "pictures"),
        "train": "train.json",
        "val": "val.json",
    }

    def dataset(**changes):
        merged = {key: value for key, value in (params | changes).items() if value is not None}
        return Coco.model_validate(merged)

    return source, dataset


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_own_files(own, tmp_path):
    source, dataset = own
    out = tmp_path / "data" / "coco"
    card = prepare(dataset(name="mine", licence="CC0"), out)
    written = ["card.json", "manifest.json", "preview.png", "train.json", "val.json"]
    assert sorted(path.name for path in out.iterdir()) == written
    assert [(box["bbox"], box["area"]) for box in load_split(out / "train.json")["annotations"]] == [
        ([1, 2, 3, 4], 12),
        ([30.0, 20.0, 10.0, 10.0], 100.0),
        ([5, 5, 10, 10], 100),
    ]
    manifest = json.loads((out / "manifest.json").read_text())
    pictures = str(source / "pictures")
    assert manifest == {
        "schema": 1,
        "digest": card.digest,
        "classes": ["sign", "light"],
        "splits": {
            "train": {"annotations": "train.json", "images": pictures, "count": 3, "boxes": 3},
            "val": {"annotations": "val.json", "images": pictures, "count": 2, "boxes": 1},
        },
        "report_split": "val",
    }
    assert Card.read(out / "card.json") == card
    assert (card.name, card.licence) == ("mine", "CC0")
    assert {rule: found.count for rule, found in card.repairs.items()} == {
        "empty_box_dropped": 1, "box_clipped": 1, "area_filled": 4 - 1 + 1, "iscrowd_filled": 4,
    }  # fmt: skip
    assert card.splits["train"].images_without_boxes == 1
    assert "light" in text(card)
    assert "1 x empty_box_dropped" in text(card)


def test_a_test_split_is_what_the_report_speaks_of(own, tmp_path):
    source, dataset = own
    write(source, "test.json", [("f.png", "grey")], [(1, 2, [1, 1, 5, 5])])
    prepare(dataset(test="test.json"), tmp_path / "coco")
    manifest = json.loads((tmp_path / "coco" / "manifest.json").read_text())
    assert list(manifest["splits"]) == ["train", "val", "test"]
    assert manifest["report_split"] == "test"


def test_the_digest_names_what_counts_and_not_where_it_lies(own, tmp_path):
    source, dataset = own
    first = prepare(dataset(), tmp_path / "one").digest
    moved = tmp_path / "elsewhere"
    shutil.copytree(source / "pictures", moved)
    assert prepare(dataset(images=str(moved), name="other"), tmp_path / "two").digest == first
    Image.new("RGB", (40, 30), "pink").save(moved / "d.png")
    assert prepare(dataset(images=str(moved)), tmp_path / "three").digest != first
    assert prepare(dataset(classes=["light", "sign"]), tmp_path / "four").digest != first


def test_a_folder_of_images_for_each_split(own, tmp_path):
    source, dataset = own
    other = tmp_path / "other"
    shutil.copytree(source / "pictures", other)
    prepare(dataset(images={"train": str(source / "pictures"), "val": str(other)}), tmp_path / "coco")
    splits = json.loads((tmp_path / "coco" / "manifest.json").read_text())["splits"]
    assert [split["images"] for split in splits.values()] == [str(source / "pictures"), str(other)]
    with pytest.raises(UserError, match=r"dataset\.images: no folder for split val; given: train"):
        prepare(dataset(images={"train": str(source / "pictures")}), tmp_path / "coco")


def test_one_file_is_divided(own, tmp_path):
    source, dataset = own
    images = [(f"{number}.png", (number, 0, 0)) for number in range(20)]
    write(source, "all.json", images, [(number, number % 2 + 1, [1, 1, 5, 5]) for number in range(1, 21)])
    whole = dataset(train=None, val=None, origin=str(source / "all.json"), split={"val": 0.2, "test": 0.1, "seed": 3})
    card = prepare(whole, tmp_path / "coco")
    assert {name: split.classes for name, split in card.splits.items()} == {
        "train": {"sign": 7, "light": 7},
        "val": {"sign": 2, "light": 2},
        "test": {"sign": 1, "light": 1},
    }
    ids = [image["id"] for name in card.splits for image in load_split(tmp_path / "coco" / f"{name}.json")["images"]]
    assert sorted(ids) == list(range(1, 21))
    again = prepare(whole, tmp_path / "again")
    assert again == card
    other = whole.model_copy(update={"split": whole.split.model_copy(update={"seed": 4})})
    assert prepare(other, tmp_path / "other").digest != card.digest


def test_too_few_images_to_divide(own, tmp_path):
    source, dataset = own
    write(source, "all.json", [("x.png", "red")], [(1, 1, [1, 1, 5, 5]), (1, 2, [1, 1, 5, 5])])
    whole = dataset(train=None, val=None, origin=str(source / "all.json"), split={"val": 0.2})
    with pytest.raises(UserError, match=r"all\.json: split val has no images"):
        prepare(whole, tmp_path / "coco")


def test_equal_pictures_in_two_splits_are_reported_and_the_same_file_is_moved_out(own, tmp_path):
    source, dataset = own
    shutil.copy(source / "pictures" / "a.png", source / "pictures" / "d.png")
    write(source, "test.json", [("b.png", "green")], [(1, 2, [1, 1, 5, 5])])
    boxes = [(1, 1, [1, 2, 3, 4]), (1, 2, [1, 2, 3, 4])]
    write(source, "train.json", [("a.png", "red"), ("b.png", "green"), ("c.png", "blue")], boxes)
    card = prepare(dataset(test="test.json"), tmp_path / "coco")
    assert card.repairs["image_in_two_splits"].count == 1
    assert card.splits["train"].images == 2
    assert card.leaks.model_dump() == {
        "count": 1,
        "groups": [[{"split": "train", "file_name": "a.png"}, {"split": "val", "file_name": "d.png"}]],
    }


def test_a_category_that_is_learnt_nowhere_and_scored_somewhere(own, tmp_path):
    source, dataset = own
    names = ["sign", "light", "arrow", "unused"]
    write(source, "train.json", [("a.png", "red")], [(1, 1, [1, 2, 3, 4])], names)
    boxes = [(1, 1, [1, 2, 3, 4]), (1, 2, [1, 2, 3, 4]), (1, 3, [1, 2, 3, 4])]
    write(source, "val.json", [("d.png", "white")], boxes, names)
    with pytest.raises(UserError) as error:
        prepare(dataset(), tmp_path / "coco")
    assert str(error.value) == (
        f"{source}/train.json: category 'light' has no boxes to train on (1 in val)\n"
        f"{source}/train.json: category 'arrow' has no boxes to train on (1 in val)\n"
        "to leave them out, list the classes to keep in params.yaml:\n"
        '  classes: ["sign"]'
    )
    card = prepare(dataset(classes=["sign"]), tmp_path / "coco")
    assert card.classes == ["sign"]


def test_a_category_that_nobody_uses_is_left_out_by_name(own, tmp_path):
    source, dataset = own
    write(source, "train.json", [("a.png", "red")], [(1, 2, [1, 2, 3, 4])], ["root", "light"])
    write(source, "val.json", [("d.png", "white")], [(1, 2, [1, 2, 3, 4])], ["root", "light"])
    card = prepare(dataset(), tmp_path / "coco")
    assert card.classes == ["light"]
    assert "left out: root" in text(card)


def test_an_error_leaves_what_was_there(own, tmp_path):
    source, dataset = own
    out = tmp_path / "data" / "coco"
    prepare(dataset(), out)
    before = contents(out)
    (source / "pictures" / "b.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"train\.json: image 2: .*b\.png: an empty file"):
        prepare(dataset(), out)
    assert contents(out) == before
    assert list(out.parent.iterdir()) == [out]


def test_a_new_preparation_replaces_the_old_one(own, tmp_path):
    _, dataset = own
    prepare(Roadmarks(source="roadmarks", train=1, val=1, size=(64, 64)), tmp_path / "coco")
    assert (tmp_path / "coco" / "images").exists()
    prepare(dataset(), tmp_path / "coco")
    assert not (tmp_path / "coco" / "images").exists()


def test_roadmarks_by_a_relative_or_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny = Roadmarks(source="roadmarks", train=2, val=1, size=(96, 64))
    for out in (Path("data/coco"), tmp_path / "data" / "coco"):
        card = prepare(tiny, out)
        manifest = json.loads((out / "manifest.json").read_text())
        assert {split["images"] for split in manifest["splits"].values()} == {"data/coco/images"}
        assert card.repairs == {}
        assert card.leaks.count == card.duplicates.count == 0
    assert card.splits["train"].boxes == 8
    assert len(list((out / "images").iterdir())) == 3


def test_equal_params_give_equal_bytes(own, tmp_path):
    _, dataset = own
    for params in (Roadmarks(source="roadmarks", train=3, val=2, size=(96, 64), seed=5), dataset()):
        prepare(params, tmp_path / "coco")
        before = contents(tmp_path / "coco")
        prepare(params, tmp_path / "coco")
        assert contents(tmp_path / "coco") == before


def test_pycocotools_reads_every_prepared_file(own, tmp_path, capsys):
    _, dataset = own
    for params in (Roadmarks(source="roadmarks", train=2, val=1, size=(96, 64)), dataset()):
        card = prepare(params, tmp_path / "coco")
        for name, split in card.splits.items():
            coco = COCO(tmp_path / "coco" / f"{name}.json")
            assert len(coco.getImgIds()) == split.images
            assert len(coco.getAnnIds(iscrowd=False)) == split.boxes
            assert [category["name"] for category in coco.loadCats(coco.getCatIds(card.classes))] == card.classes
            assert coco.getCatIds() == list(range(1, len(card.classes) + 1))
            assert min(coco.getAnnIds()) >= 1
    capsys.readouterr()


@pytest.mark.skipif(not BCCD.exists(), reason="the blood cell images of ../shared are not on this machine")
def test_real_blood_cells(tmp_path):
    origin, images = str(BCCD / "annotations"), str(BCCD / "images")
    train, val = "instances_train.json", "instances_val.json"
    card = prepare(Coco(source="coco", origin=origin, images=images, train=train, val=val), tmp_path / "coco")
    assert card.repairs == {"empty_box_dropped": Repair(count=2, meaning="the box has no width or no height")}
    assert [(entry["split"], entry["id"]) for entry in card.details] == [("train", 2288), ("val", 887)]
    assert [split.boxes for split in card.splits.values()] == [2804, 1137]
    assert card.classes == ["RBC", "WBC", "Platelets"]
