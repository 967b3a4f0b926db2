"""What a study rests on, against the files that say so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PIL import Image

from pipeline.report import records
from pipeline.results.read import Evidence

from .test_tables import column


def test_the_count_table_is_the_articles(evidence: Evidence) -> None:
    table = records.counts(evidence)
    assert column(table, "class") == evidence.study.classes
    assert column(table, "val") == ["1,465", "1,133", "638", "622", "12"]
    assert column(table, "train")[0] == "5,860"


def test_failed_missing_and_resumed_cells_have_their_reasons(evidence: Evidence) -> None:
    table = records.unfinished(evidence)
    assert table is not None
    assert [[str(cell.text) for cell in row] for row in table.rows] == [
        ["se", "1", "resumed", "went on after epoch 3"],
        ["se", "2", "missing", "no result was found"],
        ["gam", "0", "failed", "out of memory at epoch 2"],
    ]


def test_reproduce_names_all_that_the_study_rests_on(evidence: Evidence) -> None:
    facts = {str(row[0].text): str(row[1].text) for row in records.reproduce(evidence).rows}
    assert facts["git revision"] == evidence.study.git.revision
    assert facts["working tree"] == "with uncommitted changes"
    assert facts["params.yaml (sha256)"] == "cd" * 32
    assert facts["dvc.lock (sha256)"] == "not recorded"
    assert facts["seeds"] == "0, 1, 2"
    assert facts["wall clock"] == "32m 10s"
    assert facts["device time"] == "0.52 h"
    assert "torch 2.13.0" in facts["versions"]
    fingerprints = column(records.runs(evidence), "fingerprint")
    assert len(fingerprints) == 31
    assert fingerprints[0].strip("`") == evidence.runs["baseline", 0].fingerprint[:16]


def test_the_contact_sheet_is_shown_where_there_is_one(evidence: Evidence, tmp_path: Path) -> None:
    assert records.preview(evidence) is None
    Image.new("RGB", (300, 200), "red").save(tmp_path / "preview.png")
    shown = records.preview(replace(evidence, folder=tmp_path))
    assert shown is not None
    drawing = shown.plot.draw("preview")
    assert (drawing.suffix, drawing.size) == ("webp", (300, 200))
