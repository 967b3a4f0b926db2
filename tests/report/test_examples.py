"""The pictures show what the evaluation judged, box by box."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipeline.report.blocks import Figure
from pipeline.report.examples import figures
from pipeline.report.figures.gallery import LOOKS, Gallery
from pipeline.results.read import Evidence, read

from . import studies


def gallery(figure: Figure) -> Gallery:
    assert isinstance(figure.plot, Gallery)
    return figure.plot


def test_every_variant_has_its_panel_and_the_caption_says_why(evidence: Evidence) -> None:
    gain, loss = figures(evidence)
    for figure, change in ((gain, "+0.40"), (loss, "−0.33")):
        titles = [view.title for view in gallery(figure).views]
        assert titles[:2] == ["ground truth", "baseline"]
        assert sorted(titles[1:]) == sorted(evidence.study.variants)
        assert f"F1 of gam against baseline {change}" in figure.caption
        assert "baseline finds" in figure.alt
    assert gain.caption.startswith("val/some image 0.jpg (largest gain")


def test_every_box_is_drawn_as_it_was_judged(evidence: Evidence) -> None:
    views = gallery(figures(evidence)[0]).views
    example, drawn = evidence.examples[0], {view.title: view.marks for view in views}
    assert [mark.outcome for mark in drawn["ground truth"]] == ["crowd", "truth", "truth", "truth"]
    seen: Counter[str] = Counter()
    for name, boxes in example.detections.items():
        assert [(mark.box, mark.outcome) for mark in drawn[name]] == [(box.bbox, box.outcome) for box in boxes]
        seen.update(box.outcome for box in boxes)
    assert set(seen) == {"found", "false", "missed", "ignored"}  # the made-up study has all of them


def test_every_outcome_has_a_look_of_its_own() -> None:
    assert len({(colour, dash) for colour, dash, _ in LOOKS.values()}) == len(LOOKS)
    signs = [sign for outcome, (_, _, sign) in LOOKS.items() if outcome not in ("truth", "found")]
    assert len(set(signs)) == len(signs)
    assert all(signs)


def test_of_many_variants_the_ends_of_the_table_and_the_examples_own_are_drawn(tmp_path: Path) -> None:
    found = read(studies.write(tmp_path / "evaluation", 40, 2, classes=1, pictures=1))
    (figure,) = figures(found)
    titles = [view.title for view in gallery(figure).views][1:]
    order, own = list(found.outcomes), found.examples[0].variant
    assert [name for name in titles if name != own] == [name for name in [*order[:12], *order[-11:]] if name != own]
    assert own in titles
    assert f"{41 - len(titles)} variants in the middle of the table not shown" in figure.caption
