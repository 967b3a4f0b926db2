"""Text that came from elsewhere (file names, class names, reasons), made fit to be shown."""

from __future__ import annotations

import re

# Control characters move a terminal's cursor and break XML; the others change the direction of writing or hide text;
# a surrogate cannot be written at all.
INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+"
)


def plain(value: object) -> str:
    """`value` on one line, without control characters and changes of writing direction."""
    return INVISIBLE.sub(" ", str(value))


def lines(value: object) -> str:
    """The same for text of several lines, which stay."""
    return "\n".join(map(plain, str(value).split("\n")))
