"""What a file is by its first bytes, and whether a compressed picture came to its end."""

from __future__ import annotations

BRANDS = {
    b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"heim": "HEIC",
    b"heis": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF", b"crx ": "a camera's raw file (CR3)",
}  # fmt: skip
STARTS = (
    (b"\xff\xd8", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG"), (b"GIF8", "GIF"), (b"BM", "BMP"), (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"), (b"II+\0", "BigTIFF"), (b"MM\0+", "BigTIFF"), (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"), (b"\0\0\0\x0cjP  ", "JPEG 2000"), (b"%PDF", "PDF"), (b"PK\x03\x04", "a zip file"),
    (b"8BPS", "Photoshop"), (b"\x76\x2f\x31\x01", "OpenEXR"), (b"#?RADIANCE", "Radiance HDR"), (b"SIMPLE  =", "FITS"),
    (b"version https://git-lfs", "a Git LFS pointer (`git lfs pull` brings the file)"), (b"\x93NUMPY", "a NumPy array"),
)  # fmt: skip
TEXTS = ((b"<!doctype html", "a web page"), (b"<html", "a web page"), (b"<svg", "SVG"), (b"<", "XML or a web page"))
ZEROS = b"\0" * 16  # compressed data never holds so many at its end


def kind(content: bytes) -> str:
    """The format's name, as far as its first bytes tell it; "unknown" where they do not."""
    if not content:
        return "an empty file"
    if not content.strip(b"\0"):
        return "a file of zeros"
    if content[4:8] == b"ftyp":
        return BRANDS.get(content[8:12], "an MPEG-4 container")
    if content[:4] == b"RIFF":
        return "WebP" if content[8:12] == b"WEBP" else "RIFF"
    if content[:1] == b"P" and content[1:2] in b"1234567" and content[2:3].isspace():
        return "PNM"
    for start, name in STARTS:
        if content.startswith(start):
            return name
    text = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((name for start, name in TEXTS if text.startswith(start)), "unknown")


def ends_early(content: bytes, form: str) -> bool:
    """Whether a file that the loader decodes lacks its end: a download that stopped, padded with zeros or not."""
    if form == "JPEG":
        start = _scan(content)
        return start is not None and content.find(b"\xff\xd9", start) < 0
    if form == "PNG":
        return content.rfind(b"IEND\xaeB`\x82") < 0
    if form == "WebP":
        return content[: int.from_bytes(content[4:8], "little") + 8].endswith(ZEROS)
    return form in ("GIF", "AVIF", "JPEG 2000") and content.endswith(ZEROS)


def _scan(content: bytes) -> int | None:
    """Where the coded data of a JPEG begins, past its headers (a thumbnail in them has an end mark of its own)."""
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        if content[at + 1] == 0xFF:  # a fill byte
            at += 1
            continue
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        if content[at + 1] == 0xDA:
            return at + 2 + length
        at += 2 + length
    return None
