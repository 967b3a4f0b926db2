"""What the figures show, before it is drawn: against the evaluation's files."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import plots
from pipeline.report.blocks import Figure
from pipeline.report.figures.forest import Forest
from pipeline.report.figures.heatmap import Heatmap
from pipeline.report.figures.panels import Panels
from pipeline.report.figures.tradeoff import Tradeoff
from pipeline.results.read import Evidence, read

from . import studies


def shown(figure: Figure | None, kind: type[Any]) -> Any:
    assert figure is not None
    assert isinstance(figure.plot, kind)
    return figure.plot


def test_the_forest_is_the_comparison(evidence: Evidence) -> None:
    figure = plots.forest(evidence)
    rows = {row.name: row for row in shown(figure, Forest).rows}
    compared = {name: row for name, row in evidence.outcomes.items() if row.delta is not None and name != "baseline"}
    assert list(rows) == list(compared)
    for name, row in compared.items():
        drawn = rows[name]
        assert (drawn.delta, drawn.low, drawn.high) == (row.delta, row.ci_low, row.ci_high)
        assert (drawn.verdict, drawn.seed_deltas) == (row.verdict, row.seed_deltas)
    assert figure is not None
    assert "better: " in figure.alt
    assert "k = 3 seeds, V = 500 images" in figure.caption
    assert "simultaneous 95 % interval over seeds and images" in figure.caption


def test_an_a_a_variant_is_drawn_apart_without_an_interval(repeated: Evidence) -> None:
    figure = plots.forest(repeated)
    *compared, last = shown(figure, Forest).rows
    assert (last.name, last.verdict, last.low, last.high) == ("again", "repeat", None, None)
    assert last.seed_deltas == pytest.approx([0.001, 0.002, 0.003])
    assert all(row.verdict != "repeat" for row in compared)
    assert figure is not None
    assert "A/A: again" in figure.alt


@pytest.mark.parametrize(("seeds", "words"), [(1, "seeds not measured"), (2, "no verdict rests on it")])
def test_the_forest_says_what_its_bars_leave_out(tmp_path: Path, seeds: int, words: str) -> None:
    evidence = read(studies.write(tmp_path / "evaluation", 2, seeds, pictures=0))
    figure = plots.forest(evidence)
    assert figure is not None
    assert words in figure.caption
    assert "not claimed: " in figure.alt


def test_a_refused_comparison_has_no_differences_to_draw(tmp_path: Path) -> None:
    evidence = read(studies.write(tmp_path / "evaluation", 2, pictures=0, config_differs=True))
    assert plots.forest(evidence) is None
    assert plots.classes(evidence) == []


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8))
def test_the_pareto_front_is_what_no_other_point_dominates(points: list[tuple[int, int]]) -> None:
    on_front = plots.pareto([cost for cost, _ in points], [value for _, value in points])
    best_at = [max(value for cost, value in points if cost <= limit) for limit, _ in points]
    cheapest_for = [min(cost for cost, value in points if value >= wanted) for _, wanted in points]
    expected = [v == best and c == cheap for (c, v), best, cheap in zip(points, best_at, cheapest_for, strict=True)]
    assert on_front == expected


def test_the_tradeoff_has_both_costs_with_their_spreads(evidence: Evidence) -> None:
    latency, parameters = shown(plots.tradeoff(evidence), Tradeoff).panels
    for point in latency.points:
        cost = evidence.cost.variants[point.name].latency_ms
        assert (point.cost, point.low, point.high) == (cost.median, cost.q1, cost.q3)
        assert (point.accuracy, point.sd) == (
            evidence.outcomes[point.name].mean,
            evidence.outcomes[point.name].sd,
        )
    assert {point.cost for point in parameters.points} == {
        row.parameters / 1e6 for row in evidence.cost.variants.values()
    }


def test_classes_with_few_boxes_have_no_number_and_no_colour(evidence: Evidence) -> None:
    (figure,) = plots.classes(evidence)
    plot = shown(figure, Heatmap)
    few = list(plot.columns).index("no_parking_mark")
    assert all(row[few] is None for row in plot.values)
    assert all(row[few] == "too few\nn = 12" for row in plot.texts)
    expected = evidence.comparison.descriptive["AP/arr_s"].variants[plot.rows[0]].delta
    assert plot.values[0][list(plot.columns).index("arr_s")] == expected
    every = [value for row in plot.values for value in row if value is not None]
    for extreme in (min(every), max(every)):
        assert f"{extreme:+.3f}".replace("-", "−") in figure.alt


def test_many_classes_make_several_figures_the_most_boxes_first(tmp_path: Path) -> None:
    evidence = read(studies.write(tmp_path / "evaluation", 2, 3, 30, pictures=0))
    pages = [shown(figure, Heatmap) for figure in plots.classes(evidence)]
    names = list(itertools.chain.from_iterable(page.columns for page in pages))
    assert [len(page.columns) for page in pages] == [12, 12, 6]
    boxes = [evidence.comparison.descriptive[f"AP/{name}"].boxes for name in names]
    assert boxes == sorted(boxes, reverse=True)
    assert sorted(names) == sorted(evidence.study.classes)


def test_learning_curves_are_the_mean_and_the_range_of_the_seeds(evidence: Evidence) -> None:
    (line,) = shown(plots.learning(evidence, "loss", "training loss", "learning"), Panels).lines["cbam"]
    mine = evidence.history.query("variant == 'cbam' and metric == 'loss'")
    values = mine.pivot(index="step", columns="seed", values="value")
    assert list(line.x) == values.index.tolist()
    np.testing.assert_allclose(line.y, values.mean(axis=1))
    np.testing.assert_allclose(line.low, values.min(axis=1))
    np.testing.assert_allclose(line.high, values.max(axis=1))


def test_long_curves_are_averaged_over_bins(evidence: Evidence) -> None:
    steps = np.arange(1000)
    long = pd.DataFrame({"variant": "baseline", "seed": 0, "step": steps, "metric": "loss", "value": steps})
    (line,) = shown(plots.learning(replace(evidence, history=long), "loss", "loss", "x"), Panels).lines["baseline"]
    assert len(line.x) == plots.POINTS
    np.testing.assert_allclose(line.y, steps.reshape(plots.POINTS, -1).mean(axis=1))


def test_error_types_name_the_largest_of_the_baseline(evidence: Evidence) -> None:
    figure = plots.errors(evidence)
    plot = shown(figure, Heatmap)
    means = evidence.errors.mean["baseline"]
    worst = max(means, key=lambda kind: means[kind])
    assert figure is not None
    assert f"loses most AP50 to {worst} ({means[worst]:.3f})" in figure.alt
    assert plot.values[0] == [None] * 8
    assert plot.values[1][0] == evidence.errors.difference[plot.rows[1]]["Cls"]
    assert plot.less_is_better


def test_precision_recall_shows_both_ious(evidence: Evidence) -> None:
    lines = shown(plots.precision_recall(evidence), Panels).lines["cbam"]
    assert [line.y for line in lines] == [evidence.curves.variants["cbam"][iou] for iou in ("0.50", "0.75")]
    assert [line.style for line in lines] == [0, 1]


def test_without_any_run_there_is_nothing_to_draw(evidence: Evidence) -> None:
    bare = replace(
        evidence,
        comparison=evidence.comparison.model_copy(update={"variants": {}}),
        curves=evidence.curves.model_copy(update={"variants": {}}),
        errors=evidence.errors.model_copy(update={"mean": {}}),
        history=evidence.history.iloc[:0],
    )
    assert plots.precision_recall(bare) is None
    assert plots.errors(bare) is None
    assert plots.tradeoff(bare) is None
    assert plots.learning(bare, "loss", "training loss", "learning") is None
