"""Every mistake in an annotation file is one error that names file and record."""

import json
import math

import msgspec
import pytest

from pipeline.common.errors import UserError
from pipeline.dataset.check import check
from pipeline.dataset.layouts.part import Part
from pipeline.dataset.mistakes import Mistakes
from pipeline.dataset.readers.coco import read
from pipeline.dataset.rules import RepairLog


def read_coco(path):
    """Read and checked, as `prepare` does."""
    mistakes, log = Mistakes(), RepairLog()
    found = read(Part("train", path, path.parent, roots=[path.parent]), mistakes, log)
    check(found, mistakes, log)
    mistakes.refuse()
    return found


def coco():
    return {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 20, "height": 10}],
        "annotations": [
            {"id": 3, "image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4], "segmentation": [[0, 0, 1, 1]]}
        ],
        "categories": [{"id": 2, "name": "sign"}, {"id": 4, "name": "light"}],
    }


def changed(part, **values):
    data = coco()
    data[part][0] |= values
    return data


def without(part, key):
    data = coco()
    del data[part][0][key]
    return data


def twice(part):
    data = coco()
    return data | {part: data[part] * 2}


def test_keeps_the_three_lists_and_drops_masks(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(coco() | {"info": {}}))
    found = read_coco(path)
    assert [image["id"] for image in found.images] == [7]
    assert [category["name"] for category in found.categories] == ["sign", "light"]
    (box,) = found.boxes
    assert (box.id, box.image_id, box.category_id, box.bbox, box.iscrowd) == (3, 7, 2, [1, 2, 3, 4], None)
    assert box.segmentation == msgspec.Raw(b"null")


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(coco()), encoding="utf-8-sig")
    assert len(read_coco(path).images) == 1


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ([], "expected an object with images, annotations, categories; found list"),
        ({"images": [], "annotations": []}, "the list `categories` is missing"),
        (coco() | {"images": {}}, "the list `images` is missing"),
        (coco() | {"images": [3]}, "images[0]: expected an object, found int"),
        (without("images", "file_name"), "image 7: no `file_name`; it needs id, file_name"),
        (without("images", "id"), "images[0]: no `id`"),
        (without("annotations", "bbox"), "annotation 3: no `bbox`; it needs image_id, category_id, bbox"),
        (changed("images", id=None), "images[0]: id None is neither a whole number nor a text"),
        (changed("images", id=1.5), "images[0]: id 1.5 is neither a whole number nor a text"),
        (changed("images", width=10.5), "image 7: width 10.5 is not a whole number"),
        (changed("images", height="10"), "image 7: height '10' is not a whole number"),
        (changed("images", height=True), "image 7: height True is not a whole number"),
        (changed("images", file_name="a\0b"), "image 7: file_name 'a\\x00b' holds a control character"),
        (changed("images", file_name=""), "image 7: file_name '' is not a text"),
        (twice("images"), "image id 7 is given twice"),
        (twice("categories"), "category id 2 is given twice"),
        (changed("categories", name=["x"]), "category 2: name ['x'] is neither a text nor a number"),
        (changed("categories", name=""), "category 2: name '' is neither a text nor a number"),
        (changed("annotations", image_id=8), "annotation 3: image_id 8 is no image of this file"),
        (changed("annotations", image_id=[7]), "annotation 3: image_id [7] is no image of this file"),
        (changed("annotations", category_id=1), "annotation 3: category_id 1 is no category of this file"),
        (changed("annotations", bbox=[1, 2, 3]), "annotation 3: bbox [1, 2, 3] is not four finite numbers"),
        (changed("annotations", bbox="1 2 3 4"), "annotation 3: bbox '1 2 3 4' is not four finite numbers"),
        (changed("annotations", bbox=[1, 2, math.nan, 4]), "annotation 3: bbox [1, 2, 'NaN', 4] is not four finite"),
        (
            changed("annotations", bbox=[1, 2, math.inf, 4]),
            "annotation 3: bbox [1, 2, 'Infinity', 4] is not four finite",
        ),
        (changed("annotations", iscrowd=2), "annotation 3: iscrowd 2 is neither 0 nor 1"),
    ],
)
def test_a_mistake_names_file_and_record(tmp_path, data, text):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(data))
    with pytest.raises(UserError) as error:
        read_coco(path)
    assert str(error.value).startswith(f"{path}: {text}")


def test_an_annotation_without_an_id_is_named_by_its_place(tmp_path):
    path = tmp_path / "a.json"
    data = changed("annotations", bbox=[1])
    del data["annotations"][0]["id"]
    path.write_text(json.dumps(data))
    with pytest.raises(UserError, match=r"annotations\[0\]: bbox \[1\]"):
        read_coco(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"gone\.json: no such annotation file"):
        read_coco(tmp_path / "gone.json")


def test_broken_json_names_line_and_column(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"images": [],\n "annotations": [}')
    with pytest.raises(UserError, match=r"a\.json: line 2, column 18: not valid JSON: invalid character"):
        read_coco(path)


def test_not_text_at_all(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(UserError, match=r"a\.json: cannot be read: "):
        read_coco(path)
