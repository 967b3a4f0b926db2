"""The whole report, from an evaluation folder to files."""

from __future__ import annotations

from pathlib import Path

from pipeline.report import render
from tests.report import studies


def test_the_same_inputs_give_the_same_bytes_from_two_folders(tmp_path: Path) -> None:
    for place in ("here", "a folder with spaces"):
        render(studies.write(tmp_path / place / "evaluation", 2, images=50, pictures=1), tmp_path / place / "out")
    files = sorted(path.relative_to(tmp_path / "here") for path in (tmp_path / "here/out").rglob("*.*"))
    assert len(files) >= 9
    for file in files:
        assert (tmp_path / "here" / file).read_bytes() == (tmp_path / "a folder with spaces" / file).read_bytes(), file
