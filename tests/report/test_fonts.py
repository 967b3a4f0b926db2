"""Class names in any script: drawn by a font that has them, or numbered with the number in the text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager

from pipeline.report import plots
from pipeline.report.figures import fonts
from pipeline.results.read import read

from . import studies

PEDESTRIAN = "\u884c\u4eba"


@pytest.fixture
def without() -> Iterator[None]:
    """A system with matplotlib's own fonts alone."""
    kept = fontManager.ttflist
    fontManager.ttflist = [entry for entry in kept if "matplotlib" in entry.fname]
    fonts._font_of.cache_clear()
    yield
    fontManager.ttflist = kept
    fonts._font_of.cache_clear()


def font(path: Path, text: str) -> Path:
    """A font that has the characters of `text`, as boxes."""
    builder = FontBuilder(1000, isTTF=True)
    glyphs = {f"u{ord(character):04X}": character for character in text}
    builder.setupGlyphOrder([".notdef", *glyphs])
    builder.setupCharacterMap({ord(character): name for name, character in glyphs.items()})
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for point in ((100, 700), (900, 700), (900, 0)):
        pen.lineTo(point)
    pen.closePath()
    builder.setupGlyf(dict.fromkeys([".notdef", *glyphs], pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *glyphs], (1000, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Made Up", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


def test_latin_greek_and_cyrillic_need_no_other_font() -> None:
    names = ["red_tl", "ααβ", "пешеход", "arrow (left)"]
    assert fonts.labels(names) == {name: name for name in names}
    assert fonts.families(names) == [fonts.OWN]


def test_a_name_that_no_font_has_is_a_number_with_its_legend(without: None, tmp_path: Path) -> None:
    evidence = read(studies.write(tmp_path / "evaluation", 1, pictures=1, class_names=["car", PEDESTRIAN]))
    (figure,) = plots.classes(evidence)
    assert list(figure.plot.columns) == ["car", "class 2"]  # type: ignore[attr-defined]
    assert f"class 2: {PEDESTRIAN}." in figure.caption
    figure.plot.draw("classes")


def test_a_font_of_the_system_is_found(without: None, tmp_path: Path) -> None:
    file = font(tmp_path / "made.ttf", PEDESTRIAN)
    assert not fonts.drawable(PEDESTRIAN)
    fontManager.addfont(file)
    fonts._font_of.cache_clear()
    assert fonts.labels([PEDESTRIAN]) == {PEDESTRIAN: PEDESTRIAN}
    assert fonts.families(["car", PEDESTRIAN]) == [fonts.OWN, "Made Up"]
    assert fonts.file_of(f"{PEDESTRIAN} 0.90") == file
    assert fonts.legend(fonts.labels([PEDESTRIAN])) == ""
