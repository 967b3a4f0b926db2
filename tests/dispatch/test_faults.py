"""What befalls machines while a study trains: it ends whole, with the numbers of an undisturbed one."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from pipeline.cells.claims import SILENCE
from tests.conftest import HELD, TINY, Project, clone, wait_for

from .faults import Clock, as_host, memory_group, preloaded
from .test_local import changes, owners, predictions, processes_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
STUDY = {"detector": {**TINY["detector"], "overrides": HELD}, "seeds": [0]}
DISPATCH = [sys.executable, "-m", "pipeline", "dispatch", "--jobs", "2"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Predictions of an undisturbed study."""
    project = clone(tmp_path_factory.mktemp("plain") / "project")
    project.params(**STUDY)
    project.pipeline("dispatch")
    return predictions(project.root / "scratch", "*")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two cells that can be held, planned."""
    made = clone(tmp_path / "project")
    made.params(**STUDY)
    made.dvc("repro", "--single-item", "prepare", "plan")
    return made


def start(
    project: Project, host: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """A dispatcher in a process group of its own, perhaps as another host."""
    return subprocess.Popen(
        [*host, *DISPATCH], cwd=project.root, env={**project.environment, **(environment or {})},
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> str:
    said = process.communicate(timeout=900)[0]
    assert process.returncode == 0, said
    assert "Traceback" not in said, said
    return said


def each_step_once(project: Project) -> bool:
    """3 epochs x 2 iterations, in every cell."""
    found = [path.read_text() for path in (project.root / "scratch").glob("*/history.csv")]
    return all([r.split(",")[1] for r in t.splitlines() if ",loss," in r] == list("123456") for t in found)


def held(project: Project, dispatcher: subprocess.Popen[str]) -> None:
    """Both cells have saved their first epoch and wait."""

    def saved() -> bool:
        assert dispatcher.poll() is None, dispatcher.communicate()[0]
        return len(list((project.root / "scratch").glob("*/epoch_1.pth"))) == 2

    wait_for(saved, 600)


@pytest.mark.parametrize("step", [3600, -3600], ids=["ahead", "back"])
def test_the_clock_is_set_while_cells_train(
    project: Project, plain: dict[str, bytes], tmp_path: Path, step: int
) -> None:
    clock = Clock(tmp_path)
    project.hold(0)
    dispatcher = start(project, environment=clock.environment)
    held(project, dispatcher)
    clock.set(step)
    project.hold()
    ended(dispatcher)
    assert predictions(project.root / "scratch", "*") == plain
    assert each_step_once(project)
    runs = [json.loads(path.read_text()) for path in (project.root / "scratch").glob("*/run.json")]
    assert all(0 < run["seconds"] < 3000 and 0 < run["predict_seconds"] < 3000 for run in runs)
    moved = [abs(run["finished"] - time.time()) > 3000 for run in runs]
    assert all(moved)  # else the clock was not set


def test_two_hosts_whose_file_server_answers_late(project: Project, plain: dict[str, bytes], tmp_path: Path) -> None:
    late = {"LD_PRELOAD": str(preloaded("disk", tmp_path)), "DISK": "scratch/", "LATE": "100"}
    both = [start(project, environment=late), start(project, as_host("elsewhere"), late)]
    for process in both:
        ended(process)
    assert predictions(project.root / "scratch", "*") == plain
    assert each_step_once(project)
    hosts = {json.loads(path.read_text())["host"] for path in (project.root / "scratch").glob("*/run.json")}
    assert hosts <= {"elsewhere", socket.gethostname()}
    assert not processes_of(project)


def test_a_stopped_dispatcher_is_followed_and_writes_nothing_when_it_goes_on(
    project: Project, plain: dict[str, bytes]
) -> None:
    project.hold(0)
    stopped = start(project)
    held(project, stopped)
    os.killpg(stopped.pid, signal.SIGSTOP)
    for claim in (project.root / "scratch").glob("*/claim.*"):
        os.utime(claim, (time.time() - SILENCE - 1,) * 2)
    project.hold()
    ended(start(project, as_host("elsewhere")))
    assert predictions(project.root / "scratch", "*") == plain
    before = {path: at for path, at in changes(project).items() if path.parent.name != "dispatchers"}
    os.killpg(stopped.pid, signal.SIGCONT)
    ended(stopped)
    assert {path: at for path, at in changes(project).items() if path.parent.name != "dispatchers"} == before
    assert each_step_once(project)
    assert not processes_of(project)


def test_a_cell_that_takes_too_much_memory_is_killed_and_goes_on(project: Project, plain: dict[str, bytes]) -> None:
    with memory_group() as group:
        project.hold(0)
        dispatcher = start(project)
        held(project, dispatcher)
        victim = psutil.Process(owners(project)[0])
        group.limit(2**20)
        group.add(victim.pid)
        project.hold()
        said = ended(dispatcher)
        assert group.killed >= 1
    assert "killed by signal 9; it goes on from its last checkpoint" in said
    assert predictions(project.root / "scratch", "*") == plain
    assert each_step_once(project)
    assert not processes_of(project)
