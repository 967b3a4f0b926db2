"""ablation.md as GitHub renders it: cmark-gfm is GitHub's own renderer."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options

from pipeline.report import render
from pipeline.report.markdown import page
from pipeline.report.model import build
from pipeline.results.read import read

from . import studies

HOSTILE = "<script>alert(1)</script>|a_b*c"


def rendered(folder: Path) -> str:
    text = (folder / "ablation.md").read_text(encoding="utf-8")
    return str(cmarkgfm.github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE))  # GitHub keeps <details>


def test_tables_are_tables_with_numbers_to_the_right(reports: Path) -> None:
    page = rendered(reports)
    tables = re.findall(r"<table>.*?</table>", page, re.DOTALL)
    assert len(tables) >= 17
    headline = next(table for table in tables if "P(improve)" in table)
    assert len(re.findall(r"<tr>", headline)) == 12
    assert re.search(r'<th align="right">AP ± SD \(n\)</th>', headline)
    assert not re.search(r"^\|", page, re.MULTILINE)  # no row fell out of its table


def test_pictures_exist_and_say_what_they_show(reports: Path) -> None:
    pictures = re.findall(r'<img src="([^"]*)" alt="([^"]*)"', rendered(reports))
    assert len(pictures) == 9
    for source, alt in pictures:
        assert (reports / unquote(source)).is_file()
        assert len(alt) > 40
        assert alt.endswith(".")


def test_folds_are_closed_and_hold_rendered_markdown(reports: Path) -> None:
    page = rendered(reports)
    assert page.count("<details>") == page.count("</details>") > 20
    folds = re.findall(r"<details>\n<summary>(.*?)</summary>(.*?)</details>", page, re.DOTALL)
    twelve = [body for summary, body in folds if summary == "cbam"]
    assert len(twelve) == 1
    assert twelve[0].count("maxDets=") == 12
    assert "| ---" not in page


def test_the_file_is_below_what_github_shows(reports: Path) -> None:
    assert (reports / "ablation.md").stat().st_size < 512_000


@pytest.mark.slow
def test_the_largest_study_is_below_what_github_shows(tmp_path: Path) -> None:
    view = build(read(studies.write(tmp_path / "evaluation", 40, 10, 80, pictures=0)))
    figures = list(view.figures())
    one = figures[0].plot.draw("one")  # the text only names the files
    text = page("ablation.md.j2", view, {figure.name: one for figure in figures})
    assert len(text.encode()) < 512_000


def test_hostile_names_do_no_harm(tmp_path: Path) -> None:
    render(studies.write(tmp_path / "evaluation", 1, pictures=1, class_names=[HOSTILE, "$x$", "[a](b)"]), tmp_path)
    page = rendered(tmp_path)
    assert "<script" not in page
    assert HOSTILE in unescape(page)
    assert re.search(r"<td[^>]*>\$x\$</td>", page)
    assert '<a href="b"' not in page
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    for row in rows:
        if "&lt;script&gt;" in row:
            assert len(re.findall(r"<t[dh]", row)) in (3, 7)  # counts: 3 columns, differences: 7
