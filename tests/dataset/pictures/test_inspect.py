"""Real picture files: sound, truncated, mislabelled, turned, missing; the authority is OpenCV's own decoder."""

import hashlib
import os

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.common.errors import UserError
from pipeline.dataset.pictures import inspect
from pipeline.dataset.pictures.judge import judge
from pipeline.dataset.pictures.look import look
from pipeline.dataset.rules import RepairLog

from ..make import as_read, coco, picture

FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "BMP"]


def turned(pixels, orientation):
    """The picture as it should be shown, by the meaning of the EXIF orientations (EXIF 2.3, 4.6.4)."""
    return {
        1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, -1),
        7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1], 8: lambda a: np.rot90(a),
    }[orientation](pixels)  # fmt: skip


def judged(folder, *names, size=(40, 30), leave_out=False, outside=False):
    """The split after its pictures were looked at, and the log."""
    sides = {"width": size[0], "height": size[1]} if size else {}
    found = as_read(
        coco([{"id": n, "file_name": name, **sides} for n, name in enumerate(names, 1)], []), "val", root=folder
    )
    for record in found.images:
        record.setdefault("width", None)
        record.setdefault("height", None)
    log = RepairLog()
    files = [(folder, found.path(record)) for record in found.images]
    pictures = inspect(files, folder / "cache.json", outside)
    (kept,) = judge([found], pictures, leave_out, folder / "bad.txt", log)
    return kept, log


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_counts_is_what_the_loader_returns(tmp_path, form, orientation):
    """A tag that the loader obeys gives the picture as shown; one that it ignores is refused, by its name."""
    tag = 1 if form == "BMP" else orientation  # a BMP holds none
    content = picture(orientation=tag, format=form, **({"quality": 98} if form == "JPEG" else {}))
    (tmp_path / "a").write_bytes(content)
    loaded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    plain = cv2.imdecode(np.frombuffer(picture(format="PNG"), np.uint8), cv2.IMREAD_COLOR)
    shown = turned(plain, tag)
    obeyed = loaded.shape == shown.shape and np.abs(loaded.astype(int) - shown).mean() < 9
    assert obeyed == (form != "WEBP" or orientation == 1)
    size = shown.shape[1], shown.shape[0]
    if obeyed:
        kept, log = judged(tmp_path, "a", size=size)
        assert len(kept.images) == 1
        assert not log.counts
        assert look(content, "").turned == (tag != 1)
    else:
        with pytest.raises(UserError, match=f"EXIF orientation {orientation}, which the loader ignores in a WebP"):
            judged(tmp_path, "a", size=size)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(5, 9))
def test_sides_as_stored_are_refused_by_the_name_of_the_tag(tmp_path, form, orientation):
    (tmp_path / "a").write_bytes(picture(orientation=orientation, format=form))
    with pytest.raises(UserError, match="is 30x40 to the loader, the annotations say 40x30: its EXIF orientation"):
        judged(tmp_path, "a", size=(40, 30))


def test_a_tag_is_not_blamed_for_what_it_does_not_explain(tmp_path):
    (tmp_path / "a").write_bytes(picture(orientation=6))
    with pytest.raises(UserError, match="is 30x40 to the loader, the annotations say 50x40") as error:
        judged(tmp_path, "a", size=(50, 40))
    assert "EXIF" not in str(error.value)


@pytest.mark.parametrize("form", FORMATS)
def test_the_digest_is_that_of_the_file(tmp_path, form):
    content = picture(format=form)
    (tmp_path / "a").write_bytes(content)
    found = inspect([(tmp_path, tmp_path / "a")], tmp_path / "cache.json", False)
    assert found[tmp_path / "a"].digest == hashlib.sha256(content).hexdigest()


def test_missing_sides_are_the_loaders(tmp_path):
    (tmp_path / "a").write_bytes(picture(orientation=6))
    kept, log = judged(tmp_path, "a", size=None)
    assert (kept.images[0]["width"], kept.images[0]["height"]) == (30, 40)
    assert log.counts == {"size_filled": 1}


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("left", [0.3, 0.97])
def test_a_truncated_picture_is_refused(tmp_path, form, left):
    content = picture(400, 300, format=form)
    (tmp_path / "a").write_bytes(content[: int(left * len(content))])
    with pytest.raises(UserError, match=rf"val\.json: image 1: .*a: a damaged or incomplete {form}"):
        judged(tmp_path, "a", size=(400, 300))


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_a_picture_that_ends_early_and_decodes_is_kept_and_counted(tmp_path, form):
    content = picture(400, 300, format=form)
    padded = content[: len(content) // 2].ljust(len(content), b"\0") + b"\0" * (form == "JPEG") * 100_000
    assert look(padded, "").problem is None
    assert look(padded, "").early
    assert not look(content, "").early
    (tmp_path / "a").write_bytes(padded)
    judged(tmp_path, "a", size=(400, 300))


def test_what_follows_a_whole_jpeg_is_no_early_end():
    """Cameras append a second picture or padding; a thumbnail's end mark is not the picture's."""
    assert not look(picture() + b"\0" * 100, "").early
    thumbnail = Image.Exif()
    content = picture(400, 300, exif=thumbnail.tobytes() + picture(8, 8))
    assert look(content[: len(content) // 2] + b"\0" * 100_000, "").early


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "an empty file"),
        (b"\0" * 500, "a file of zeros"),
        (b"<!DOCTYPE html><html>not found</html>", "a web page"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 40, "HEIC"),
        (b"\0\0\0\x18ftypavif" + b"\0" * 40, "a damaged or incomplete AVIF"),
        (b"%PDF-1.7", "PDF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"hello", "unknown content of 5 bytes"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, content, kind):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UserError) as error:
        judged(tmp_path, "a")
    first, last = str(error.value).split("\n")
    assert first.startswith(f"val.json: image 1: {tmp_path}/a: {kind}")
    assert first.endswith(", no picture that the loader reads") or "damaged" in kind
    assert last.startswith(f"the whole list (1) is in {tmp_path}/bad.txt; `dataset.leave_out: unreadable` leaves out")


def test_a_float_tiff_is_named(tmp_path):
    Image.fromarray(np.ones((30, 40), np.float32)).save(tmp_path / "a", format="TIFF")
    with pytest.raises(UserError, match="a TIFF that the loader cannot read \\(32-bit floats"):
        judged(tmp_path, "a")


def test_what_the_loader_decodes_is_taken_whatever_it_is_called(tmp_path):
    for name, form in {"a.jpg": "PNG", "b.jpg": "GIF", "c.jpg": "AVIF", "d.png": "WEBP"}.items():
        (tmp_path / name).write_bytes(picture(format=form))
    kept, _ = judged(tmp_path, "a.jpg", "b.jpg", "c.jpg", "d.png")
    assert len(kept.images) == 4


def test_deep_and_transparent_pictures_are_seen():
    deep = cv2.imencode(".png", np.full((30, 40, 3), 4000, np.uint16))[1].tobytes()
    deep_tiff = cv2.imencode(".tiff", np.full((30, 40), 4000, np.uint16))[1].tobytes()
    hidden = np.full((30, 40, 4), 255, np.uint8)
    opaque = cv2.imencode(".png", hidden)[1].tobytes()
    hidden[:10, :10, 3] = 0
    clear = cv2.imencode(".png", hidden)[1].tobytes()
    facts = [(found.deep, found.transparent) for found in (look(c, "") for c in (deep, deep_tiff, opaque, clear))]
    assert facts == [(True, False), (True, False), (False, False), (False, True)]


def test_two_hundred_megapixels_are_read(tmp_path):
    Image.new("1", (20000, 10000)).save(tmp_path / "a", format="PNG")
    assert look((tmp_path / "a").read_bytes(), "").width == 20000


def test_a_missing_picture(tmp_path):
    with pytest.raises(UserError, match=r"val\.json: image 1: .*gone\.jpg: no such file"):
        judged(tmp_path, "gone.jpg")


@pytest.mark.parametrize(("name", "disk"), [("a.jpg", "a.JPG"), ("x/a.jpg", "X/a.jpg"), ("x/a.jpg", "X/A.Jpg")])
def test_a_name_that_differs_in_case_only(tmp_path, name, disk):
    (tmp_path / disk).parent.mkdir(exist_ok=True)
    (tmp_path / disk).write_bytes(picture())
    with pytest.raises(UserError, match=f"on disk it is .*{disk}: the name differs in case only") as error:
        judged(tmp_path, name, leave_out=True)
    assert "leave_out" not in str(error.value)


def test_links_out_of_the_folder_and_special_files_are_not_opened(tmp_path):
    folder, other = tmp_path / "pictures", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    (other / "a.jpg").write_bytes(picture())
    (folder / "link.jpg").symlink_to(other / "a.jpg")
    (folder / "way").symlink_to(other)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "b.jpg").write_bytes(picture(seed=1))
    (folder / "inside.jpg").symlink_to(folder / "b.jpg")
    with pytest.raises(UserError) as error:
        judged(folder, "link.jpg", "way/a.jpg", "pipe.jpg", "b.jpg", "inside.jpg", leave_out=True)
    lines = str(error.value).split("\n")
    assert len(lines) == 4
    assert "link.jpg: is a link that leads out of the image folder; `dataset.outside: allowed` takes it" in lines[0]
    assert "way/a.jpg: is a link that leads out" in lines[1]
    assert "pipe.jpg: is not a file" in lines[2]
    judged(folder, "link.jpg", "way/a.jpg", outside=True)


def test_the_first_ten_bad_pictures_are_named_and_all_are_listed(tmp_path):
    (tmp_path / "good.jpg").write_bytes(picture())
    with pytest.raises(UserError) as error:
        judged(tmp_path, "good.jpg", *(f"{number}.jpg" for number in range(13)))
    lines = str(error.value).split("\n")
    assert len(lines) == 12
    assert lines[0].endswith("0.jpg: no such file")
    assert lines[-2] == "... and 3 more"
    listed = [line.split("\t")[0] for line in (tmp_path / "bad.txt").read_text().splitlines()]
    assert listed == [f"{tmp_path}/{number}.jpg" for number in range(13)]


def test_what_cannot_be_read_is_left_out_by_rule(tmp_path):
    (tmp_path / "a").write_bytes(picture())
    (tmp_path / "b").write_bytes(b"")
    kept, log = judged(tmp_path, "a", "b", "gone", leave_out=True)
    assert [record["file_name"] for record in kept.images] == ["a"]
    assert log.counts == {"picture_left_out": 2}


def test_unchanged_files_are_not_read_again_and_changed_ones_are(tmp_path):
    path, cache = tmp_path / "a", tmp_path / "cache.json"
    path.write_bytes(picture())
    first = inspect([(tmp_path, path)], cache, False)[path]
    before = path.stat()
    path.write_bytes(bytes(before.st_size))  # equal size; put the time back and nobody can tell
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert inspect([(tmp_path, path)], cache, False)[path] == first
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert inspect([(tmp_path, path)], cache, False)[path].problem.startswith("a file of zeros")
    cache.write_text("{")
    assert inspect([(tmp_path, path)], cache, False)[path].problem.startswith("a file of zeros")
