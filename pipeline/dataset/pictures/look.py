"""One picture as MMDetection's loader sees it: `cv2.imdecode` in colour, with OpenCV's own rule for EXIF."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.dataset.pictures.alike import fingerprint
from pipeline.dataset.pictures.formats import ends_early, kind

ORIENTATION = 0x0112
BARRED = "barred"  # the form of a file that was not opened: another name on disk, a link out, a device
TURNED = ("JPEG", "PNG", "TIFF")  # formats whose orientation OpenCV 4.12 obeys; tests hold it against all eight


class Picture(msgspec.Struct, frozen=True):
    """What the loader makes of a file. `problem` says why it makes nothing of it.

    `width` and `height` are the decoded picture's. `orientation` is the tag's value where it is not 1, `turned`
    whether the loader obeys it. `deep`: more than 8 bit a channel, of which the loader keeps the upper 8;
    `transparent`: an alpha channel that hides something, which the loader drops; `early`: the file lacks its end.
    """

    digest: str
    form: str
    width: int = 0
    height: int = 0
    orientation: int = 1
    turned: bool = False
    deep: bool = False
    transparent: bool = False
    early: bool = False
    alike: int = 0
    problem: str | None = None


def look(content: bytes, digest: str) -> Picture:
    """Decode a file in full. Never raises for what is in it."""
    form = kind(content)
    pixels = _decode(content, cv2.IMREAD_COLOR)
    if pixels is None:
        return Picture(digest, form, problem=_why_not(content, form))
    orientation = _orientation(content)
    deep, transparent = _lost(content, form)
    return Picture(
        digest, form, pixels.shape[1], pixels.shape[0], orientation, orientation != 1 and form in TURNED,
        deep, transparent, ends_early(content, form), fingerprint(pixels),
    )  # fmt: skip


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def load(content: bytes) -> NDArray[np.uint8]:
    """The picture as the detector is fed it, (height, width, 3) in BGR."""
    pixels = _decode(content, cv2.IMREAD_COLOR)
    assert pixels is not None, "every prepared picture has been decoded before"
    return pixels


def _decode(content: bytes, flags: int) -> Any:
    if not content:
        return None
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except (cv2.error, MemoryError):  # beyond OpenCV's own limits
        return None


def _lost(content: bytes, form: str) -> tuple[bool, bool]:
    """Whether the file holds more than 8 bit a channel, and an alpha channel that hides something."""
    if form in ("JPEG", "BMP") or (form == "PNG" and _is_plain_png(content)):
        return False, False
    stored = _decode(content, cv2.IMREAD_UNCHANGED)
    if stored is None:
        return False, False
    alpha = stored[..., 3] if stored.ndim == 3 and stored.shape[2] == 4 else None
    hides = alpha is not None and bool(alpha.min() < np.iinfo(stored.dtype).max) if stored.dtype.kind == "u" else False
    return stored.dtype != np.uint8, hides


def _is_plain_png(content: bytes) -> bool:
    """8 bit or less (byte 24 of the header), and neither alpha (byte 25) nor a transparent colour."""
    return content[24] <= 8 and content[25] in (0, 2, 3) and content.find(b"tRNS", 0, 1 << 16) < 0


def _orientation(content: bytes) -> int:
    try:
        with Image.open(io.BytesIO(content)) as image:
            value = image.getexif().get(ORIENTATION, 1)  # before Pillow loads: it would turn a TIFF and drop the tag
    except Exception:  # Pillow need not know the format, or may find its header damaged; the loader read it
        return 1
    return value if isinstance(value, int) and 2 <= value <= 8 else 1


def _why_not(content: bytes, form: str) -> str:
    if form in ("JPEG", "PNG", "WebP", "BMP", "GIF", "AVIF"):
        return f"a damaged or incomplete {form}"
    if form in ("TIFF", "BigTIFF"):
        return f"a {form} that the loader cannot read{_samples(content)}"
    what = f"unknown content of {len(content):,} bytes" if form == "unknown" else form
    return f"{what}, no picture that the loader reads"


def _samples(content: bytes) -> str:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return " (32-bit floats or integers)" if image.mode in ("F", "I") else f" (mode {image.mode})"
    except Exception:  # as above
        return " (damaged, or of a kind that Pillow does not know either)"
