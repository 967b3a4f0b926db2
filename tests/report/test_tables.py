"""The tables against the files that they print."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

import pytest

from pipeline.evaluation import VariantComparison
from pipeline.report import tables
from pipeline.report.blocks import Table
from pipeline.report.headline import headline
from pipeline.report.words import VERDICTS
from pipeline.results.read import Evidence


def column(table: Table | None, title: str) -> list[str]:
    assert table is not None
    index = [str(column.title) for column in table.columns].index(title)
    return [str(row[index].text) for row in table.rows]


def test_the_headline_is_baseline_first_then_by_difference(evidence: Evidence) -> None:
    names = column(headline(evidence), "variant")
    assert names[0] == "baseline"
    assert sorted(names) == sorted(evidence.study.variants)
    deltas = [evidence.comparison.variants[name].delta for name in names[1:]]
    compared = [delta for delta in deltas if delta is not None]
    assert compared == sorted(compared, reverse=True)
    assert deltas[len(compared) :] == [None, None]  # se and gam lack a run and come last


def test_the_headline_prints_comparison_and_cost(evidence: Evidence) -> None:
    table = headline(evidence)
    for index, name in enumerate(column(table, "variant")[1:], start=1):
        row, cost = evidence.comparison.variants[name], evidence.cost.variants[name]
        cells = [str(cell.text).replace("−", "-") for cell in table.rows[index]]
        assert cells[1] == f"{row.mean:.3f} ± {row.sd:.3f} ({row.n})"
        if row.delta is None:
            assert cells[2:6] == ["n/a", "not claimed", "n/a", "n/a"]
        else:
            low, high = f"{row.ci_low:+.3f}", f"{row.ci_high:+.3f}"
            assert cells[2] == re.sub(r"[+-]0\.000", "0.000", f"{row.delta:+.3f} [{low}, {high}]")
            assert cells[4] in (f"{row.p_adjusted:.3f}", "<0.001")
            assert cells[5] == "{:g}/{}".format(*row.p_improve or ())
            assert cells[3] == VERDICTS[row.verdict or "not_claimed"]
        latency = cost.latency_ms
        assert cells[6] == f"{cost.parameters / 1e6:.2f} M"
        assert cells[7] == f"{cost.gflops:.2f}"
        assert cells[8] == f"{latency.median:.1f} ({latency.p95:.1f})"


def test_a_variant_without_any_run_is_listed(evidence: Evidence) -> None:
    lost = VariantComparison(runs={}, mean=None, sd=None, n=0, verdict="not_claimed")
    comparison = evidence.comparison.model_copy(update={"variants": {**evidence.comparison.variants, "gam": lost}})
    table = headline(replace(evidence, comparison=comparison))
    row = next(row for row in table.rows if row[0].text == "gam")
    assert [str(cell.text) for cell in row][:4] == ["gam", "n/a", "n/a", "no finished run"]


def test_an_a_a_variant_has_its_own_line_and_is_no_comparison(repeated: Evidence) -> None:
    *_, last = headline(repeated).rows
    mean = fmean(repeated.outcomes["baseline"].runs[str(seed)] + 0.001 * (seed + 1) for seed in range(3))
    assert [str(cell.text) for cell in last][:6] == [
        "again",
        f"{mean:.3f} ± {spread(repeated)} (3)",
        "+0.002",
        "A/A",
        "",
        "",
    ]
    assert "again" not in repeated.others


def spread(evidence: Evidence) -> str:
    frame = evidence.metrics.query("variant == 'again' and metric == 'AP'")
    return f"{stdev(frame['value']):.3f}"


def test_sizes_have_their_boxes_and_differences(evidence: Evidence) -> None:
    table = tables.secondary(evidence)
    described = evidence.comparison.descriptive["AP_small"]
    assert "large (n = 12, too few)" in [str(column.title) for column in table.columns]
    shown = dict(zip(column(table, "variant"), column(table, "small (n = 700)"), strict=True))
    row = described.variants["cbam"]
    assert shown["cbam"].replace("−", "-") == f"{row.mean:.3f} ({row.delta:+.3f})".replace("(+0.000)", "(0.000)")
    assert shown["baseline"] == f"{described.variants['baseline'].mean:.3f}"


def test_every_descriptive_difference_is_listed(evidence: Evidence) -> None:
    table = tables.descriptive(evidence)
    assert table is not None
    assert len(table.rows) == 10 * (5 + 5)  # variants x (sizes and IoUs + classes)
    few = [row for row in table.rows if row[0].text == "no_parking_mark"]
    assert {str(row[6].text) for row in few} == {"too few"}


def test_too_many_descriptive_rows_are_left_to_the_json(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "DESCRIPTIVE_ROWS", 99)
    assert tables.descriptive(evidence) is None


def test_the_article_stands_beside_the_means_of_metrics_csv(evidence: Evidence) -> None:
    with (evidence.folder / "metrics.csv").open(encoding="utf-8") as file:
        values: dict[Any, list[float]] = {}
        for row in csv.DictReader(file):
            if row["value"]:
                values.setdefault((row["variant"], row["metric"]), []).append(float(row["value"]))
    assert evidence.study.article
    table = tables.article(evidence, evidence.study.article)
    names = ["AP", "AP50", "AR_small"] * 9
    here = column(table, "here (mean over seeds)")
    for variant, metric, text in zip(column(table, "variant"), names, here, strict=True):
        assert text == f"{fmean(values[variant, metric]):.3f}"
    assert column(table, "article (one run)")[:4] == ["0.340", "0.340", "0.340", "0.341"]


def test_the_coco_lines_are_those_of_metrics_csv(evidence: Evidence) -> None:
    lines = tables.coco_lines(evidence)
    assert list(lines) == list(evidence.outcomes)
    frame = evidence.metrics.set_index(["variant", "seed", "metric"])["value"]
    for name, text in lines.items():
        head, *rows = text.splitlines()
        seeds = [int(seed) for seed in head.replace("seed", "").split()]
        assert seeds == {"se": [0, 1], "gam": [1, 2]}.get(name, [0, 1, 2])
        assert len(rows) == 12
        assert rows[0].split()[-len(seeds) :] == [f"{frame[name, seed, 'AP']:.3f}" for seed in seeds]
        assert rows[11].split()[-len(seeds) :] == ["n/a"] * len(seeds)  # no ground truth
        assert "IoU=0.50:0.95 | area= large | maxDets=100 ]" in rows[5]
