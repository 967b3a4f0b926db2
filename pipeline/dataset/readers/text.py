"""Files that people made: their bytes as UTF-8, whatever the tool that wrote them thought of encodings."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.common.errors import UserError


def read_utf8(path: Path) -> bytes:
    """The file as UTF-8 without a mark in front. UTF-16 and UTF-32 (PowerShell's `>`) are read too.

    Raises UserError naming file and encoding.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such annotation file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    encoding = json.detect_encoding(content[:4])
    if encoding == "utf-8":
        return content
    try:
        return content.decode(encoding).encode()
    except UnicodeError:
        raise UserError(f"{path}: cannot be read: neither UTF-8 nor {encoding.upper()} text") from None


def lines(path: Path) -> list[str]:
    """The lines of a text file, without those that are empty."""
    try:
        text = read_utf8(path).decode()
    except UnicodeError:
        raise UserError(f"{path}: cannot be read: not UTF-8 text") from None
    return [line for line in map(str.strip, text.splitlines()) if line]
