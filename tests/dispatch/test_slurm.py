"""A real Slurm trains a real study: an array, a time limit, an exception, a drained node, a lost coordinator."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.common.errors import UserError
from pipeline.dispatch import slurm as room
from pipeline.study import Study
from pipeline.study.cluster import Cluster
from tests.conftest import TINY, Project, clone, wait_for

from .cluster import slurm, why_not
from .test_local import LOUD, WAITING, predictions, start

needs_slurm = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with slurm(tmp_path_factory.mktemp("lab")) as environment:
        yield environment


def project_in(folder: Path, lab: dict[str, str], **params: Any) -> Project:
    class InLab(Project):
        @property
        def environment(self) -> dict[str, str]:
            return {**super().environment, **lab}

    project = InLab(clone(folder / "project").root)
    project.params(**params)
    return project


def here(folder: Path, **params: Any) -> dict[str, bytes]:
    """Predictions of the same study on this machine's cores."""
    project = clone(folder / "local")
    project.params(**params)
    project.pipeline("dispatch", "--jobs", "2", check=False)
    return predictions(project.root / "scratch", "*")


def jobs(lab: dict[str, str], *words: str) -> list[str]:
    command = ["squeue", "--noheader", "--array", *words]
    return subprocess.run(command, env={**os.environ, **lab}, capture_output=True, text=True).stdout.split()


@needs_slurm
def test_an_array_with_an_exception_and_a_drained_node(lab: dict[str, str], tmp_path: Path) -> None:
    params: dict[str, Any] = {**WAITING, "variants": {"baseline": {}, "se": {"attention": "se"}, "loud": LOUD}}
    project = project_in(tmp_path, lab, **params, cluster={"cpus": 1})
    project.hold(0)
    dispatcher = start(project, "--engine", "slurm")
    wait_for(lambda: len(jobs(lab, "--states=running", "--format=%i")) == 2)
    assert "job " in project.pipeline("status").stdout
    project.run("scontrol", "update", "nodename=n2", "state=drain", "reason=test")
    project.hold()
    most, nodes = 2, set(jobs(lab, "--states=running", "--format=%N"))
    while dispatcher.poll() is None:
        most = max(most, len(jobs(lab, "--states=running", "--format=%i")))
        nodes |= set(jobs(lab, "--states=running", "--format=%N"))
        time.sleep(0.5)
    project.run("scontrol", "update", "nodename=n2", "state=resume")
    said = dispatcher.communicate()[0]
    assert dispatcher.returncode == 1, said
    assert "2 cells done, 1 failed" in said
    assert "loud-0: Diverged: the loss is" in said
    assert most == 2
    assert nodes == {"n1"}
    assert predictions(project.root / "scratch", "*") == here(tmp_path, **params)


@needs_slurm
@pytest.mark.slow
def test_a_cell_longer_than_its_time_limit_is_requeued_and_resumes(lab: dict[str, str], tmp_path: Path) -> None:
    """It waits after its first epoch until Slurm has warned it of the end of its time."""
    params: dict[str, Any] = {**WAITING, "variants": {"baseline": {}}}
    project = project_in(tmp_path, lab, **params, cluster={"time": 2, "grace": 60, "cpus": 1})
    project.hold(0)
    dispatcher = start(project, "--engine", "slurm")
    wait_for(lambda: "Restarts=1" in project.run("scontrol", "show", "job", "--oneliner").stdout, 300)
    project.hold()
    said = dispatcher.communicate(timeout=300)[0]
    assert "1 cells done, 0 failed" in said
    (run,) = project.root.glob("scratch/*/run.json")
    assert json.loads(run.read_text())["resumed_from"] is not None
    assert predictions(project.root / "scratch", "*") == here(tmp_path, **params)


@needs_slurm
@pytest.mark.slow
def test_a_coordinator_that_died_finds_its_jobs_and_cancel_ends_them(lab: dict[str, str], tmp_path: Path) -> None:
    project = project_in(tmp_path, lab, **{**WAITING, "seeds": [0, 1]}, cluster={"time": 10})
    project.hold(0, 1)
    first = start(project, "--engine", "slurm")
    wait_for(lambda: len(list(project.root.glob("scratch/*/job.json"))) == 4)
    first.kill()
    first.communicate()
    before = {path: path.read_text() for path in project.root.glob("scratch/*/job.json")}
    second = start(project, "--engine", "slurm")
    project.hold(1)
    wait_for(lambda: list(project.root.glob("scratch/*/DONE")))
    assert {path: path.read_text() for path in before} == before
    assert "cancelled" in project.pipeline("dispatch", "--cancel").stdout
    second.communicate(timeout=120)
    wait_for(lambda: not jobs(lab, "--states=running,pending,completing"))
    project.hold()
    third = project.pipeline("dispatch", "--engine", "slurm")
    assert "4 cells done, 0 failed" in third.stdout
    assert len(predictions(project.root / "scratch", "*")) == 4


@needs_slurm
@pytest.mark.slow
def test_a_cell_over_two_nodes_is_the_cell_of_two_processes(lab: dict[str, str], tmp_path: Path) -> None:
    params: dict[str, Any] = {
        "train": {**TINY["train"], "processes": 2, "batch_size": 2}, "variants": {"baseline": {}}, "seeds": [0],
    }  # fmt: skip
    project = project_in(tmp_path, lab, **params, cluster={"nodes": 2, "cpus": 1})
    project.pipeline("dispatch", "--engine", "slurm")
    (run,) = project.root.glob("scratch/*/run.json")
    assert json.loads(run.read_text())["world_size"] == 2
    assert predictions(project.root / "scratch", "*") == here(tmp_path, **params)


def test_what_a_job_asks_for() -> None:
    study = Study.model_validate({**TINY, "train": {**TINY["train"], "processes": 4, "threads": 2, "workers": 1}})
    asked = room.parameters(study, Cluster(nodes=2, partition="gpu", memory_gb=1.5, extra={"reservation": "course"}), 7)
    assert asked["nodes"] == 2
    assert asked["cpus_per_task"] == 6
    assert asked["mem"] == "1536MB"
    assert asked["array_parallelism"] == 7
    assert asked["additional_parameters"] == {"reservation": "course"}
    assert "gpus_per_node" not in asked
    with pytest.raises(UserError, match=r"cluster\.nodes is 3: train\.processes \(4\) must be a multiple"):
        room.parameters(study, Cluster(nodes=3), None)


def test_what_jobs_unpickle_is_written_by_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "scratch/slurm"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    room.private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    if os.getuid() == 0:
        os.chown(folder, 12345, -1)
        with pytest.raises(UserError, match=r"slurm belongs to another user.*; move it away, or work in a clone"):
            room.private(folder)


def test_states_of_jobs_that_slurm_forgot_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    said = subprocess.CompletedProcess(
        [], 1, "7_0|RUNNING\n7_1|COMPLETED\n", "slurm_load_jobs error: Invalid job id specified"
    )
    monkeypatch.setattr(room.subprocess, "run", lambda *_, **__: said)
    assert room.job_states(["7_0", "7_1", "9"]) == {"7_0": "RUNNING", "7_1": "COMPLETED"}
    assert [room.active(state) for state in ("RUNNING", "COMPLETED", None)] == [True, False, False]
