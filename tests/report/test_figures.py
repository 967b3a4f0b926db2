"""The figures as files: small, hostile names harmless, colours that a colour-blind reader tells apart."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from pipeline.report.blocks import Drawing, Plot
from pipeline.report.figures import canvas
from pipeline.report.figures.forest import LOOKS, Forest, Row
from pipeline.report.figures.gallery import Gallery, Mark, View
from pipeline.report.figures.heatmap import Heatmap
from pipeline.report.figures.tradeoff import Panel, Point, Tradeoff
from pipeline.report.model import build
from pipeline.results.read import read

from . import studies

HOSTILE = "<script>alert(1)</script>|a_b*c $\\frac{1}{2}$"
# Simulation of colour-blind vision on linear RGB at full severity: Machado, Oliveira and Fernandes (2009).
VISION = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def small_and_whole(drawing: Drawing) -> None:
    assert len(drawing.picture) < 200_000
    with Image.open(io.BytesIO(drawing.picture)) as image:
        image.load()
        assert image.size == drawing.size
        assert image.width <= 1660  # twice what GitHub shows
    if drawing.svg:
        ElementTree.fromstring(drawing.svg)


def test_the_articles_study_gives_small_figures(reports: Path) -> None:
    files = list((reports / "figures").iterdir())
    assert len(files) == 9
    assert all(file.stat().st_size < 200_000 for file in files)


@pytest.mark.slow
@pytest.mark.parametrize(("variants", "seeds", "classes"), [(40, 10, 80), (40, 1, 1), (10, 10, 80), (1, 1, 1)])
def test_large_and_small_studies_give_small_figures(tmp_path: Path, variants: int, seeds: int, classes: int) -> None:
    evidence = read(studies.write(tmp_path / "evaluation", variants, seeds, classes, pictures=1))
    for figure in build(evidence).figures():
        small_and_whole(figure.plot.draw(figure.name))


def test_hostile_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "picture.png")
    rows = [Row(HOSTILE, 0.01, 0.0, 0.02, "better", [0.01])]
    plots: list[Plot] = [
        Forest(rows, "AP", HOSTILE, 0.005),
        Heatmap([HOSTILE], [HOSTILE], [[0.01]], [[HOSTILE]]),
        Gallery(tmp_path / "picture.png", (64, 48), [View(HOSTILE, [Mark([4, 4, 20, 20], "false", HOSTILE)])]),
    ]
    for plot in plots:
        drawing = plot.draw("x")
        small_and_whole(drawing)
        assert "<script" not in (drawing.svg or "")
    assert "&lt;script&gt;" in (plots[0].draw("x").svg or "")  # the text shown on hover


def test_a_figure_has_the_same_bytes_twice_and_no_date() -> None:
    plot = Forest([Row("se", 0.01, None, None, "not_claimed", [])], "AP", "baseline", 0.005)
    first, second = plot.draw("forest"), plot.draw("forest")
    assert first == second
    assert "dc:date" not in (first.svg or "")


def test_ids_of_two_figures_in_a_page_differ() -> None:
    plot = Forest([Row("se", 0.01, None, None, "not_claimed", [])], "AP", "baseline", 0.005)
    named = [
        {node.get("id") for node in ElementTree.fromstring(plot.draw(name).svg or "").iter() if node.get("id")}
        for name in ("a", "b")
    ]
    assert named[0]
    assert not named[0] & named[1]


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB, D65."""
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
def test_verdicts_differ_in_colour_for_every_reader_and_in_shape_besides(vision: str) -> None:
    simulate = np.array(VISION[vision])
    colours = {verdict: lab(simulate @ linear(colour)) for verdict, (colour, _) in LOOKS.items()}
    for a, b in itertools.combinations(["better", "worse", "equivalent", "not_shown"], 2):
        assert np.linalg.norm(colours[a] - colours[b]) > 10, (a, b)  # 2.3 is just noticeable
    assert len({marker for _, marker in LOOKS.values()}) == len(LOOKS)


def test_text_on_a_cell_has_the_contrast_that_wcag_asks_for() -> None:
    from pipeline.report.figures.heatmap import DIVERGING, _readable

    weights = np.array([0.2126, 0.7152, 0.0722])
    for share in np.linspace(-1, 1, 41):
        cell = DIVERGING((share + 1) / 2)[:3]
        hex_cell = "#" + "".join(f"{round(255 * c):02x}" for c in cell)
        dark, light = sorted([linear(hex_cell) @ weights, linear(_readable(share)) @ weights])
        assert (light + 0.05) / (dark + 0.05) >= 4.5, share


def test_names_too_long_for_a_label_are_cut() -> None:
    assert canvas.short("a" * 40) == "a" * 25 + "…"
    assert canvas.short("cbam") == "cbam"


def test_names_in_the_cost_figure_hide_each_other_no_more_than_a_little(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(3)
    points = [
        Point(f"variant_{i}", 12 + draw.uniform(0, 3), None, None, 0.34 + draw.normal(0, 0.005), 0.004, i == 0)
        for i in range(11)
    ]
    kept: list[Any] = []
    real = canvas.save

    def save(figure: Any, *rest: Any) -> Drawing:
        kept.append(figure)
        return real(figure, *rest)

    monkeypatch.setattr(canvas, "save", save)
    plot = Tradeoff([Panel("latency", points), Panel("parameters", points)], "AP", "variant_0")
    assert plot.draw("cost") == plot.draw("cost")
    for axes in kept[0].axes:
        boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
        assert len(boxes) == len(points)
        for a, b in itertools.combinations(boxes, 2):
            common = max(min(a.x1, b.x1) - max(a.x0, b.x0), 0) * max(min(a.y1, b.y1) - max(a.y0, b.y0), 0)
            assert common < 0.2 * min(a.width * a.height, b.width * b.height)
