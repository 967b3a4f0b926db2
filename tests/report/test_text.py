"""Escaped text shows exactly its characters: GitHub's own renderer and the html's are the oracles."""

from __future__ import annotations

import html
import re

import cmarkgfm
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipeline.common.text import plain
from pipeline.report.text import Markdown, code, escape, prose

HOSTILE = "<script>alert(1)</script>|a_b*c"
LETTERS = st.text(st.sampled_from("ab1 _*`[](){}<>|~$&#!-+.:;@\\\"'/é中"), max_size=24)


def shown(rendered: str) -> str:
    """What a reader sees of rendered HTML: no tags, no entities."""
    return html.unescape(re.sub(r"<[^>]*>", "", rendered))


@given(LETTERS)
@example(HOSTILE)
@example("[x](javascript:alert(1))")
@example("&amp; ~~gone~~ $x^2$ _a_")
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    line = f"a {escape(text)} z"
    expected = f"a {plain(text)} z".split()
    assert shown(cmarkgfm.github_flavored_markdown_to_html(line)).split() == expected
    assert shown(MarkdownIt("commonmark", {"html": False}).renderInline(line)).split() == expected


@given(LETTERS)
@example(HOSTILE)
def test_escaped_text_stays_in_its_cell(text: str) -> None:
    table = f"| x | y |\n| :--- | ---: |\n| a {escape(text)} z | 1 |"
    cells = re.findall(r"<td[^>]*>(.*?)</td>", cmarkgfm.github_flavored_markdown_to_html(table), re.DOTALL)
    assert [shown(cell).split() for cell in cells] == [f"a {plain(text)} z".split(), ["1"]]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("train.lr", "`train.lr`"),
        ("a|b", "a\\|b"),
        ("a`b", "a\\`b"),
        ("", ""),
        ("two\nlines", "`two lines`"),
    ],
)
def test_code_is_plain_where_it_could_not_be_code(value: str, expected: str) -> None:
    assert code(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("form `official`: x * y", "form `official`: x \\* y"),
        ("`a|b` and `<c>`", "a\\|b and `<c>`"),
        ("one ` alone <b>", "one \\` alone \\<b\\>"),
    ],
)
def test_prose_keeps_its_code(value: str, expected: str) -> None:
    assert prose(value) == expected


def test_markdown_is_not_escaped_again() -> None:
    assert escape(escape(HOSTILE)) == escape(HOSTILE)
    assert escape(Markdown("**b**")) == "**b**"
