"""Markdown text that is safe by construction: what is not `Markdown` is escaped when it is printed."""

from __future__ import annotations

import re

from pipeline.common.text import plain

SPECIAL = re.compile(r"([\\`*\[\]<>|~$&])")
LONE_UNDERSCORE = re.compile(r"(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")


class Markdown(str):
    """Text in GitHub's Markdown, printed as it is."""


def escape(value: object) -> Markdown:
    """`value` as Markdown that shows exactly its characters, in a sentence or in a table's cell.

    Underscores inside a word mean nothing to GitHub; they stay, so that the source is pleasant to read.
    """
    if isinstance(value, Markdown):
        return value
    return Markdown(LONE_UNDERSCORE.sub(r"\\_", SPECIAL.sub(r"\\\1", plain(value))))


def code(value: object) -> Markdown:
    """`value` in code type; as plain text where a backtick or a pipe would end the code or the cell."""
    text = plain(value)
    return escape(text) if "`" in text or "|" in text or not text.strip() else Markdown(f"`{text}`")


def prose(value: object) -> Markdown:
    """A sentence in which `backticks` set code, as in a docstring; everything else is shown as it is."""
    parts = plain(value).split("`")
    if len(parts) % 2 == 0:  # one backtick has no partner
        return escape(value)
    return Markdown("".join(code(part) if index % 2 else escape(part) for index, part in enumerate(parts)))
