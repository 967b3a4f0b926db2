"""What the report says of a baseline that has not learned what it can."""

from __future__ import annotations

import pytest

from pipeline.report.model import build
from pipeline.report.standing import standing, stands
from pipeline.results.read import Evidence, read

from . import studies


@pytest.fixture(scope="module")
def young(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    folder = tmp_path_factory.mktemp("young") / "evaluation"
    return read(studies.write(folder, 1, classes=1, pictures=0, undertrained=True))


def test_an_undertrained_study_says_so_first_of_all(young: Evidence) -> None:
    first = build(young).alerts[0]
    assert first.kind == "WARNING"
    assert first.lines[0].startswith("Undertrained: differences of modules may be differences of speed (its loss still")
    assert stands(young).startswith("The baseline does not stand: its loss still fell by")


def test_a_baseline_that_stands_is_said_beside_the_curves_alone(evidence: Evidence) -> None:
    assert standing(evidence) == []
    assert stands(evidence).startswith("The baseline stands: its AP is 0.3")
