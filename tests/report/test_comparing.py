"""Two studies side by side."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.evaluation.verdicts import Verdict
from pipeline.report import compare
from pipeline.report.comparing import changes
from pipeline.report.words import VERDICTS
from pipeline.results.read import EvaluationPaths, Evidence, read

from . import studies


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """The second has two variants fewer, one seed fewer, another learning rate and other data."""
    this = studies.write(tmp_path / "this", 4, pictures=0)
    other = studies.write(tmp_path / "other", 2, 2, pictures=0)
    files, found = EvaluationPaths(other), read(other)
    params = {**found.study.params, "train": {"epochs": 8, "batch_size": 8, "lr": 0.002}}
    found.study.model_copy(update={"params": params}).write(files.study)
    found.card.model_copy(update={"digest": "ef" * 32}).write(files.card)
    return this, other


def test_it_names_what_changed(two: tuple[Path, Path]) -> None:
    view = changes(read(two[0]), read(two[1]))
    assert view.settings is not None
    assert [[str(cell.text) for cell in row] for row in view.settings.rows] == [
        ["`seeds`", "0, 1, 2", "0, 1"],
        ["`train.lr`", "0.001", "0.002"],
    ]
    assert view.data is not None
    assert [str(row[0].text) for row in view.data.rows] == ["`digest`"]
    assert view.versions is None
    assert "no interval here covers the difference" in view.alerts[0].lines[0]
    assert "Their data differ" in view.alerts[0].lines[0]
    assert "Only in this study: bam and eca." in "\n".join(view.summary)


def test_the_verdicts_stand_side_by_side(two: tuple[Path, Path]) -> None:
    this, other = read(two[0]), read(two[1])
    rows = {str(row[0].text): [str(cell.text) for cell in row[1:]] for row in changes(this, other).verdicts.rows}
    assert rows["bam"][3:] == ["n/a", "n/a", "not in the study"]
    assert rows["baseline"][2] == rows["baseline"][5] == "baseline"
    mine, theirs = this.outcomes["se"], other.outcomes["se"]
    assert rows["se"][0] == f"{mine.mean:.3f} (3)"
    assert rows["se"][2] == VERDICTS[mine.verdict or "not_claimed"]
    assert rows["se"][3] == f"{theirs.mean:.3f} (2)"
    assert rows["se"][5] == "not claimed"


def test_it_is_written_in_both_forms_and_leaves_the_report_alone(two: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "figures").mkdir(parents=True)
    compare(*two, out)
    assert (out / "figures").is_dir()
    text = (out / "compare.md").read_text(encoding="utf-8")
    assert text.startswith("# demo (this) beside demo (other)\n")
    assert "<h1>demo (this) beside demo (other)</h1>" in (out / "compare.html").read_text(encoding="utf-8")


def test_a_study_beside_itself_differs_in_nothing(two: tuple[Path, Path]) -> None:
    view = changes(read(two[0]), read(two[0]))
    assert (view.settings, view.data, view.versions) == (None, None, None)
    assert view.summary[1] == "Inconsistent, the studies contradict each other: none."


@pytest.mark.parametrize(
    ("mine", "theirs", "line"),
    [
        ("better", "better", 0),
        ("equivalent", "equivalent", 0),
        ("better", "worse", 1),
        ("better", "equivalent", 1),
        ("better", "not_shown", 2),
        ("not_claimed", "worse", 2),
        ("not_shown", "not_claimed", 3),
    ],
)
def test_verdicts_agree_or_contradict(two: tuple[Path, Path], mine: Verdict, theirs: Verdict, line: int) -> None:
    def judged(folder: Path, verdict: Verdict) -> Evidence:
        evidence = read(folder)
        row = replace(evidence.comparison.variants["se"], verdict=verdict)
        variants = {**evidence.comparison.variants, "se": row}
        return replace(evidence, comparison=evidence.comparison.model_copy(update={"variants": variants}))

    summary = changes(judged(two[0], mine), judged(two[1], theirs)).summary
    assert [bool(re.search(r"\bse\b", str(found))) for found in summary[:4]] == [number == line for number in range(4)]


def test_the_same_variants_on_another_detector(tmp_path: Path) -> None:
    this, other = (read(studies.write(tmp_path / name, 3, pictures=0)) for name in ("this", "other"))
    params = {**other.study.params, "study": "retina", "detector": {"config": "retinanet_r50"}}
    other = replace(other, study=other.study.model_copy(update={"study": "retina", "params": params}))
    view = changes(this, other)
    assert (view.this, view.other) == ("demo", "retina")
    assert view.settings is not None
    assert [str(row[0].text) for row in view.settings.rows] == ["`study`", "`detector.config`"]
    assert "Their data differ" not in view.alerts[0].lines[0]
