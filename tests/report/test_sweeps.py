"""A sweep in the report: which variants belong together, and what is drawn of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.report import sweeps
from pipeline.report.figures.sweep import Sweep
from pipeline.report.markdown import page
from pipeline.report.model import build
from pipeline.results.read import Evidence, read

from . import studies


def swept(folder: Path, settings: list[dict[str, Any]], claim: str | None = None) -> Evidence:
    """A made-up study of CBAM in these settings; a setting's keys are facts of the module."""
    names = [f"cbam_{i}" for i in range(len(settings))]
    found = read(studies.write(folder, len(names), 3, 2, 50, names=names, pictures=1))
    variants = dict(found.study.variants)
    for name, setting in zip(names, settings, strict=True):
        module = studies.CBAM.model_copy(update={"options": {}, **setting})
        variants[name] = variants[name].model_copy(update={"attention": [module]})
    return replace(found, study=found.study.model_copy(update={"variants": variants}))


GRID = [{"options": {"reduction": r}, "stages": [s]} for r in (32, 4, 16, 8) for s in (2, 3)]


def test_four_reductions_at_two_stages_are_two_lines(tmp_path: Path) -> None:
    evidence = swept(tmp_path / "evaluation", GRID)
    (figure,) = sweeps.figures(evidence)
    plot = figure.plot
    assert isinstance(plot, Sweep)
    assert figure.name == "sweep_cbam_reduction"
    assert [line.label for line in plot.lines] == ["stages 2", "stages 3"]
    for line, offset in zip(plot.lines, (0, 1), strict=True):
        assert [point.value for point in line.points] == [4, 8, 16, 32]
        wanted = [evidence.outcomes[f"cbam_{2 * i + offset}"] for i in (1, 3, 2, 0)]
        assert [(p.delta, p.low, p.high) for p in line.points] == [(o.delta, o.ci_low, o.ci_high) for o in wanted]
    largest = max((point.delta, point.value, line.label) for line in plot.lines for point in line.points)
    assert f"reduction {largest[1]} with {largest[2]}" in figure.alt
    drawing = plot.draw(figure.name)
    assert len(drawing.picture) < 200_000
    assert "reduction 4, stages 2" in (drawing.svg or "")


@pytest.mark.parametrize(
    "settings",
    [
        [{"options": {"reduction": r}} for r in (4, 8)],
        [{"options": {"kernel_size": k}, "form": "paper"} for k in ("a", "b", "c")],
        [{"options": {"bias": b}} for b in (True, False, True)],
        [{"options": {"reduction": r, "kernel_size": r}} for r in (3, 5, 7)],
        [{"options": {"reduction": r}, "place": p} for r, p in ((4, "neck"), (8, "before_add"), (16, "after_stage"))],
    ],
    ids=["two values", "words", "switches", "two at once", "places"],
)
def test_what_is_no_sweep_draws_nothing(tmp_path: Path, settings: list[dict[str, Any]]) -> None:
    assert sweeps.figures(swept(tmp_path / "evaluation", settings)) == []


def test_the_section_shows_it(tmp_path: Path) -> None:
    report = build(swept(tmp_path / "evaluation", GRID))
    (figure,) = report.sweeps
    drawing = figure.plot.draw(figure.name)
    text = page("ablation.md.j2", report, {shown.name: drawing for shown in report.figures()})
    section = text.partition("## 4. ")[2].partition("## 5. ")[0]
    assert f"](figures/{figure.name}.png)" in section or f"](figures/{figure.name}.{drawing.suffix})" in section
    assert "mean difference over reduction" in section
