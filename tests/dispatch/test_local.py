"""A real study through the local engine: the same numbers as `dvc repro`, and nothing lost whoever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import HELD, TINY, Project, clone, wait_for

CELLS = ("train@baseline-0", "train@se-0")
LOUD = {"attention": "se", "overrides": {"optim_wrapper.optimizer.lr": 1e30}}
WAITING: dict[str, Any] = {"detector": {**TINY["detector"], "overrides": HELD}, "seeds": [0]}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Predictions of the tiny study by plain `dvc repro`, one cell after the other."""
    project = clone(tmp_path_factory.mktemp("plain") / "project")
    project.params(**WAITING)
    project.dvc("repro", "--single-item", "prepare", "plan", *CELLS)
    return predictions(project.root / "data/runs", "*/*")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two cells that can be held, nothing run yet."""
    made = clone(tmp_path / "project")
    made.params(**WAITING)
    return made


def predictions(folder: Path, cells: str) -> dict[str, bytes]:
    """Fingerprint -> predictions, for those that are whole."""
    runs = (path.parent for path in folder.glob(f"{cells}/run.json"))
    return {
        json.loads((r / "run.json").read_text())["fingerprint"]: (r / "predictions.json.gz").read_bytes() for r in runs
    }


def start(project: Project, *words: str) -> subprocess.Popen[str]:
    """A dispatcher in a process group of its own, as a terminal would start it."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", "dispatch", "--jobs", "2", *words], cwd=project.root,
        env=project.environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # nohup and CI may have it ignored
    )  # fmt: skip


def processes_of(project: Project) -> list[psutil.Process]:
    """All that works in this project's folder, this test aside."""
    found = []
    for process in psutil.process_iter():
        try:
            here = Path(process.cwd()) == project.root and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, FileNotFoundError):
            continue
        if here:
            found.append(process)
    return found


def owners(project: Project) -> list[int]:
    """Pids that own a cell now."""
    texts = [path.read_text() for path in (project.root / "scratch").glob("*/claim.*")]
    return [pid for text in texts if text and psutil.pid_exists(pid := json.loads(text)["pid"])]


def changes(project: Project) -> dict[Path, int]:
    """When each file of scratch was last written."""
    return {path: path.stat().st_mtime_ns for path in (project.root / "scratch").rglob("*") if path.is_file()}


def one_epoch_saved(project: Project) -> bool:
    return any((project.root / "scratch").glob("*/epoch_*.pth"))


def test_the_study_at_once_gives_the_numbers_of_one_by_one(project: Project, plain: dict[str, bytes]) -> None:
    result = project.pipeline("dispatch", "--jobs", "2")
    assert predictions(project.root / "scratch", "*") == plain
    assert "2 cells done, 0 failed" in result.stdout
    assert "all 2 cells are done" in project.pipeline("dispatch").stdout
    written = changes(project)
    stdout = project.dvc("repro", "--single-item", *CELLS).stdout
    assert "epoch" not in stdout
    assert changes(project) == written
    assert predictions(project.root / "data/runs", "*/*") == plain


def test_what_dvc_has_is_checked_out_and_not_trained(project: Project, plain: dict[str, bytes]) -> None:
    project.pipeline("dispatch")
    project.dvc("repro", "--single-item", *CELLS)
    project.run("rm", "-r", "scratch", "data/runs/se/0")
    assert "all 2 cells are done" in project.pipeline("dispatch").stdout
    assert predictions(project.root / "data/runs", "*/*") == plain


@pytest.mark.slow
def test_two_dispatchers_train_no_cell_twice(project: Project, plain: dict[str, bytes]) -> None:
    project.dvc("repro", "--single-item", "prepare", "plan")
    both = [start(project), start(project)]
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert predictions(project.root / "scratch", "*") == plain
    histories = [path.read_text() for path in (project.root / "scratch").glob("*/history.csv")]
    assert all(text.count(",loss,") == 6 for text in histories)  # 3 epochs x 2 iterations, each once
    assert all(json.loads(p.read_text())["resumed_from"] is None for p in (project.root / "scratch").glob("*/run.json"))


@pytest.mark.parametrize(
    "victim", [*(pytest.param(who, marks=pytest.mark.slow) for who in ("worker", "both")), "coordinator"]
)
def test_whoever_is_killed_the_study_ends_whole(project: Project, plain: dict[str, bytes], victim: str) -> None:
    project.hold(0)
    dispatcher = start(project)
    wait_for(lambda: one_epoch_saved(project))
    if victim in ("worker", "both"):
        os.kill(owners(project)[0], signal.SIGKILL)
    if victim in ("coordinator", "both"):
        dispatcher.kill()
    project.hold()
    said = dispatcher.communicate(timeout=300)[0]
    if victim == "worker":
        assert dispatcher.returncode == 0, said
        assert "killed by signal 9; it goes on from its last checkpoint" in said
    else:
        wait_for(lambda: not processes_of(project))
        assert project.pipeline("dispatch").returncode == 0
    assert predictions(project.root / "scratch", "*") == plain
    assert not processes_of(project)


def test_ctrl_c_leaves_resumable_cells_and_no_process(project: Project, plain: dict[str, bytes]) -> None:
    project.hold(0)
    dispatcher = start(project)
    wait_for(lambda: one_epoch_saved(project))
    os.killpg(dispatcher.pid, signal.SIGINT)
    said = dispatcher.communicate(timeout=120)[0]
    assert dispatcher.returncode == 130
    assert "interrupted; run the same again to go on" in said
    assert "Traceback" not in said
    assert not processes_of(project)
    assert not list((project.root / "scratch").glob("*/*.part"))
    assert "interrupted" in project.pipeline("status").stdout
    project.hold()
    project.pipeline("dispatch", "--jobs", "2")
    assert predictions(project.root / "scratch", "*") == plain


def test_cancel_ends_the_dispatcher_of_this_folder(project: Project) -> None:
    assert "nothing of this study runs" in project.pipeline("dispatch", "--cancel").stdout
    project.hold(0)
    dispatcher = start(project)
    wait_for(lambda: owners(project))
    assert "has ended, its cells are resumable" in project.pipeline("dispatch", "--cancel").stdout
    dispatcher.communicate(timeout=120)
    assert not processes_of(project)


def test_a_cell_that_fails_stops_no_other_and_is_not_tried_again(project: Project) -> None:
    project.params(**WAITING, variants={"baseline": {}, "se": LOUD})
    result = project.pipeline("dispatch", check=False)
    assert result.returncode == 1
    assert "1 cells done, 1 failed" in result.stdout
    assert "se-0: Diverged: the loss is" in result.stdout
    environment = {**project.environment, "ABLATION_COLLECT_ONLY": "1"}
    kept = subprocess.run(
        ["dvc", "repro", "--single-item", "train@se-0"],
        cwd=project.root,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert "se-0: failed, Diverged" in kept.stderr
    assert "epoch" not in kept.stdout


def test_a_mistake_in_params_is_one_error_before_anything_runs(project: Project) -> None:
    project.params(variants={"baseline": {}, "se": {"attention": "se", "options": {"ratio": 4}}})
    result = project.pipeline("dispatch", check=False)
    assert result.returncode == 2
    assert "variants.se" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (project.root / "scratch").exists() or not list((project.root / "scratch").glob("*/cell.json"))
