"""Which detections the pictures call found, false and missed: hand-made boxes."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image

from pipeline.report.examples import figures, judge, overlap
from pipeline.results.read import Evidence


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0, 0, 10, 10], [0, 0, 10, 10], 1.0),
        ([0, 0, 10, 10], [5, 0, 10, 10], 50 / 150),
        ([0, 0, 10, 10], [0, 5, 10, 20], 50 / 250),
        ([0, 0, 10, 10], [10, 0, 10, 10], 0.0),
        ([0, 0, 10, 10], [30, 30, 5, 5], 0.0),
    ],
)
def test_overlap(a: list[float], b: list[float], expected: float) -> None:
    assert overlap(a, b) == pytest.approx(expected)
    assert overlap(b, a) == pytest.approx(expected)


TRUTH = [{"bbox": [0, 0, 10, 10], "category": "car"}, {"bbox": [40, 0, 10, 10], "category": "car"}]


def test_each_box_is_found_once_by_the_best_score() -> None:
    weak = {"bbox": [0, 0, 10, 10], "category": "car", "score": 0.4}
    strong = {"bbox": [1, 0, 10, 10], "category": "car", "score": 0.9}
    marks = judge(TRUTH, [weak, strong])
    assert [(mark.outcome, mark.label) for mark in marks] == [
        ("found", "car 0.90"),
        ("false", "car 0.40"),
        ("missed", "car"),
    ]
    assert marks[2].box == TRUTH[1]["bbox"]


def test_another_class_or_too_little_overlap_is_false() -> None:
    other = {"bbox": [0, 0, 10, 10], "category": "sign", "score": 0.9}
    beside = {"bbox": [46, 0, 10, 10], "category": "car", "score": 0.8}
    assert [mark.outcome for mark in judge(TRUTH, [other, beside])] == ["false", "false", "missed", "missed"]


def test_no_detections_and_no_boxes() -> None:
    assert [mark.outcome for mark in judge(TRUTH, [])] == ["missed", "missed"]
    assert judge([], []) == []


def test_every_variant_has_its_panel_and_the_caption_says_why(evidence: Evidence) -> None:
    gain, loss = figures(evidence)
    for figure, change in ((gain, "+0.40"), (loss, "−0.33")):
        titles = [view.title for view in figure.plot.views]  # type: ignore[attr-defined]
        assert titles[:2] == ["ground truth", "baseline"]
        assert sorted(titles[1:]) == sorted(evidence.study["variants"])
        assert f"F1 of gam against baseline {change}" in figure.caption
        assert "baseline finds" in figure.alt
    assert gain.caption.startswith("val/some image 0.jpg (largest gain")


def test_a_picture_that_is_not_kept_leaves_its_boxes(evidence: Evidence) -> None:
    kept = evidence.examples[0]
    (figure,) = figures(replace(evidence, examples=[{**kept, "picture": None}]))
    with Image.open(io.BytesIO(figure.plot.draw("x").picture)) as image:
        colours = image.getcolors(1 << 24)
    assert colours is not None
    assert len(colours) > 50  # grey, boxes, labels
