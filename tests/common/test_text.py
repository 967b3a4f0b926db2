"""Text from elsewhere is shown without moving the cursor, hiding a part of itself or turning the rest around."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.common.text import lines, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202egnp.exe\x00\nb", "a gnp.exe b"),
        ("\x1b]0;title\x07red\x1b[31m", " ]0;title red [31m"),
        ("\ud800 and \u200fmarks\ufeff", "  and  marks "),
        ("äö 图 e\u0301 👩", "äö 图 e\u0301 👩"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text(st.characters()))
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    """Unicode's own classes of characters are the oracle: controls, surrogates, line and paragraph breaks."""
    assert {unicodedata.category(letter) for letter in plain(text)}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert not any(unicodedata.bidirectional(letter) in ("LRE", "RLE", "LRO", "RLO", "PDF") for letter in plain(text))
    assert lines(text).count("\n") == text.count("\n")
    lines(text).encode()
