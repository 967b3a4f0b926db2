"""Real picture files: sound, truncated, mislabelled, rotated, missing."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.common.errors import UserError
from pipeline.dataset.images import hash_images
from pipeline.dataset.splits import Split


def picture(width=40, height=30, **options):
    pixels = np.random.default_rng(0).integers(256, size=(height, width, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, **({"format": "JPEG"} | options))
    return content.getvalue()


def split(folder, *names, size=(40, 30)):
    images = [
        {"id": number, "file_name": name, "width": size[0], "height": size[1]} for number, name in enumerate(names, 1)
    ]
    return Split("val", Path("val.json"), str(folder), folder, images, [])


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "WEBP", "TIFF"])
def test_the_hash_is_that_of_the_file(tmp_path, form):
    content = picture(format=form)
    (tmp_path / "a").write_bytes(content)
    assert hash_images([split(tmp_path, "a")]) == {tmp_path / "a": hashlib.sha256(content).hexdigest()}


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("left", [0.3, 0.97])
def test_a_truncated_picture_is_found(tmp_path, form, left):
    content = picture(400, 300, format=form)
    (tmp_path / "a").write_bytes(content[: int(left * len(content))])
    with pytest.raises(UserError, match=r"val\.json: image 1: .*a: corrupt image: .*truncated"):
        hash_images([split(tmp_path, "a", size=(400, 300))])


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_what_is_no_picture_is_found_and_named_alike_each_time(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UserError) as error:
        hash_images([split(tmp_path, "a")])
    assert str(error.value) == (
        f"val.json: image 1: {tmp_path}/a: corrupt image, or none of JPEG, PNG, BMP, TIFF, WEBP, PPM"
    )


def test_a_format_that_the_loader_of_the_detector_does_not_read(tmp_path):
    (tmp_path / "a").write_bytes(picture(format="GIF"))
    with pytest.raises(UserError, match="none of JPEG"):
        hash_images([split(tmp_path, "a")])


def test_a_wrong_size_names_both(tmp_path):
    (tmp_path / "a").write_bytes(picture(40, 30))
    with pytest.raises(UserError, match=r"image 1: .*a: is 40x30, the annotations say 30x40"):
        hash_images([split(tmp_path, "a", size=(30, 40))])


def test_the_size_is_the_one_that_mmdetection_loads(tmp_path):
    """A camera's rotation mark swaps the sides, in OpenCV as here."""
    cv2 = pytest.importorskip("cv2")
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a.jpg").write_bytes(picture(40, 30, exif=exif))
    height, width = cv2.imread(str(tmp_path / "a.jpg")).shape[:2]
    assert (width, height) == (30, 40)
    assert hash_images([split(tmp_path, "a.jpg", size=(width, height))])


def test_a_missing_picture_and_a_missing_folder(tmp_path):
    with pytest.raises(UserError, match=r"val\.json: image 1: .*gone\.jpg: no such file"):
        hash_images([split(tmp_path, "gone.jpg")])
    with pytest.raises(UserError, match=r"dataset\.images: .*gone: no such image folder \(split val\)"):
        hash_images([split(tmp_path / "gone", "a.jpg")])


def test_the_first_ten_bad_pictures_are_named_and_the_rest_counted(tmp_path):
    with pytest.raises(UserError) as error:
        hash_images([split(tmp_path, *(f"{number}.jpg" for number in range(13)))])
    lines = str(error.value).split("\n")
    assert len(lines) == 11
    assert lines[0].endswith("0.jpg: no such file")
    assert lines[-1] == "... and 3 more images"
