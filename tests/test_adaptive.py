"""A study with declared looks by `make repro`, and one with more seeds for the baseline, from a fresh clone.

The tests run in the order of this file on one project: each goes on where the one before stopped.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from typing import Any

import pytest

from tests.conftest import ROOT, TINY, Project, clone, wait_for

pytestmark = pytest.mark.slow  # seven studies: what a look decides is tested in tests/evaluation/test_looks.py

DATA = {**TINY["dataset"], "val": 10}
TRAIN = {**TINY["train"], "epochs": 1}


def params(project: Project, **evaluation: Any) -> None:
    project.params(
        dataset=DATA,
        train=TRAIN,
        seeds=[0, 1, 2],
        evaluation={"baseline": "baseline", "resamples": 200, "equivalence": 1e-9, **evaluation},
    )


def make_repro(project: Project) -> str:
    """In the installation that the tests run in."""
    shutil.copyfile(ROOT / "Makefile", project.root / "Makefile")
    return project.run("make", "--old-file=setup", "repro").stdout


def trained(project: Project) -> set[str]:
    """Every cell that was ever started."""
    cells = (json.loads(path.read_text()) for path in (project.root / "scratch").glob("*/cell.json"))
    return {f"{cell['variant']}-{cell['seed']}" for cell in cells}


FIRST = {f"{variant}-{seed}" for variant in ("baseline", "se") for seed in (0, 1, 2)}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Looks at 3 and 4 seeds, and so much wanted that the first look gives the variant up."""
    project = clone(tmp_path_factory.mktemp("adaptive") / "project")
    params(project, looks=[3, 4], wanted=0.9)
    make_repro(project)
    return project


def test_cells_that_the_looks_spare_are_never_trained(study: Project) -> None:
    assert trained(study) == FIRST
    said = study.pipeline("next").stdout
    assert "se: futile: what is wanted is out of reach" in said
    assert "nothing is left to look at: 6 runs of 8" in said
    comparison = json.loads((study.root / "data/evaluation/comparison.json").read_text())
    assert [look["decisions"] for look in comparison["looks"]] == [{"se": "futile"}]
    report = (study.root / "reports/ablation.md").read_text()
    assert "6 runs of 8: 2 saved." in report
    assert not (study.root / "reports/looks.json").exists()  # declared looks are paid for


def test_nothing_runs_again(study: Project) -> None:
    cells = {path: path.stat().st_mtime_ns for path in (study.root / "data").rglob("predictions.json.gz")}
    assert len(cells) == 6
    said = make_repro(study)
    assert "Running stage" not in said
    assert "Data and pipelines are up to date" in said
    assert {path: path.stat().st_mtime_ns for path in cells} == cells


def test_an_interrupted_look_resumes_and_trains_just_what_is_open(study: Project) -> None:
    params(study, looks=[3, 4], wanted=1e-9)
    assert "the look at 4 seeds needs 2 more runs (open: se): baseline-3, se-3" in study.pipeline("next").stdout
    command = ["dvc", "repro", "--single-item", "more"]
    process = subprocess.Popen(
        command, cwd=study.root, env=study.environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: (study.root / "data/more/baseline/3/run.json").exists())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = (study.root / "data/more/baseline/3/predictions.json.gz").stat().st_mtime_ns
    study.pipeline("dispatch")  # the other way of training trains the same cells
    assert trained(study) == FIRST | {"baseline-3", "se-3"}
    study.dvc("repro")
    assert (study.root / "data/more/baseline/3/predictions.json.gz").stat().st_mtime_ns == before
    comparison = json.loads((study.root / "data/evaluation/comparison.json").read_text())
    assert [look["seeds"] for look in comparison["looks"]] == [3, 4]
    assert comparison["variants"]["se"]["n"] == comparison["variants"]["baseline"]["n"] == 4
    assert "Running stage" not in study.dvc("repro").stdout


def test_a_cell_of_a_look_is_forgotten_by_name(study: Project) -> None:
    said = study.pipeline("rerun", "se", "3").stdout
    assert "dvc repro --single-item --force more" in said
    assert not (study.root / "data/more/se/3").exists()
    study.dvc("repro", "--single-item", "--force", "more")
    assert (study.root / "data/more/se/3/run.json").exists()
    wrong = study.pipeline("rerun", "se", "9", check=False)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)


def test_more_seeds_of_the_baseline_are_cells_of_the_second_stage(study: Project) -> None:
    params(study, baseline_seeds=4)
    study.dvc("repro")
    assert trained(study) == FIRST | {"baseline-3", "se-3"}  # the look had trained it
    assert not (study.root / "data/more/se").joinpath("3").exists()
    comparison = json.loads((study.root / "data/evaluation/comparison.json").read_text())
    assert comparison["baseline_seeds"] == 4
    assert comparison["variants"]["se"]["p_improve"][1] == 12
    looked = json.loads((study.root / "reports/looks.json").read_text())
    assert list(looked["studies"].values()) == [[3]]


def test_seeds_added_undeclared_are_told(study: Project) -> None:
    study.params(dataset=DATA, train=TRAIN, seeds=[0, 1, 2, 3], evaluation={"baseline": "baseline", "resamples": 200})
    study.dvc("repro")
    comparison = json.loads((study.root / "data/evaluation/comparison.json").read_text())
    assert "looked_again" in {refusal["kind"] for refusal in comparison["refusals"]}
    assert comparison["alpha"] == pytest.approx(0.025)
    assert "looked at 2 times" in (study.root / "reports/ablation.md").read_text()
    shutil.rmtree(study.root / "data/more")


def test_next_needs_looks(study: Project) -> None:
    wrong = study.pipeline("next", check=False)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "evaluation.looks is not given" in wrong.stderr
