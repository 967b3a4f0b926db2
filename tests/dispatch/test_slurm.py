"""A real Slurm trains a real study: an array, a time limit, an exception, a drained node, a lost coordinator."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cluster import Cluster
from pipeline.dispatch import slurm as room
from pipeline.study import Study, UserError
from tests.conftest import TINY, Project, clone

from .cluster import slurm, why_not
from .test_local import LOUD, predictions, wait_for

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


def local(folder: Path, **params: Any) -> dict[str, bytes]:
    project = clone(folder / "local")
    project.params(**params)
    project.pipeline("dispatch", "--jobs", "2", check=False)
    return predictions(project.root / "scratch", "*")


def jobs(lab: dict[str, str], *words: str) -> list[str]:
    import os

    command = ["squeue", "--noheader", "--array", *words]
    return subprocess.run(command, env={**os.environ, **lab}, capture_output=True, text=True).stdout.split()


@needs_slurm
def test_a_study_with_a_time_limit_an_exception_and_a_drained_node(lab: dict[str, str], tmp_path: Path) -> None:
    """`slow` has more epochs than its minute allows: warned half a minute before, requeued, it resumes and ends."""
    variants = {
        "baseline": {}, "se": {"attention": "se"}, "loud": LOUD,
        "slow": {"overrides": {"train_cfg.max_epochs": 100, "custom_hooks.1.interval": 1}},
    }  # fmt: skip
    params: dict[str, Any] = {"variants": variants, "seeds": [0]}
    project = project_in(tmp_path, lab, **params, cluster={"time": 1, "grace": 40, "cpus": 1})
    most, seen = 0, set()
    dispatcher = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "dispatch", "--engine", "slurm", "--jobs", "2"], cwd=project.root,
        env=project.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    wait_for(lambda: jobs(lab), 60)
    said = project.pipeline("status").stdout
    assert "job " in said
    project.run("scontrol", "update", "nodename=n2", "state=drain", "reason=test")
    while dispatcher.poll() is None:
        running = jobs(lab, "--states=running", "--format=%i")
        most, seen = max(most, len(running)), seen | set(jobs(lab, "--states=running", "--format=%N"))
        time.sleep(0.5)
    project.run("scontrol", "update", "nodename=n2", "state=resume")
    said = dispatcher.communicate()[0]
    assert dispatcher.returncode == 1, said
    assert "3 cells done, 1 failed" in said
    assert "loud-0: Diverged: the loss is" in said
    assert most == 2
    assert "n1" in seen
    runs = {
        json.loads(p.read_text())["variant"]: json.loads(p.read_text()) for p in project.root.glob("scratch/*/run.json")
    }
    assert runs["slow"]["resumed_from"] is not None
    assert predictions(project.root / "scratch", "*") == local(tmp_path, **params)


@needs_slurm
def test_a_coordinator_that_died_finds_its_jobs_and_cancel_ends_them(lab: dict[str, str], tmp_path: Path) -> None:
    project = project_in(tmp_path, lab, cluster={"time": 10})
    command = [sys.executable, "-m", "pipeline", "dispatch", "--engine", "slurm", "--jobs", "2"]
    first = subprocess.Popen(command, cwd=project.root, env=project.environment, stdout=subprocess.DEVNULL)
    wait_for(lambda: list(project.root.glob("scratch/*/job.json")), 60)
    first.kill()
    first.wait()
    before = {path: path.read_text() for path in project.root.glob("scratch/*/job.json")}
    second = subprocess.Popen(command, cwd=project.root, env=project.environment, stdout=subprocess.PIPE, text=True)
    wait_for(lambda: list(project.root.glob("scratch/*/DONE")), 120)
    assert {path: path.read_text() for path in before} == before
    assert "cancelled" in project.pipeline("dispatch", "--cancel").stdout
    second.communicate(timeout=60)
    wait_for(lambda: not jobs(lab, "--states=running,pending,completing"), 30)
    third = project.run(*command)
    assert "0 failed" in third.stdout
    assert len(predictions(project.root / "scratch", "*")) == 4


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


def test_states_of_jobs_that_slurm_forgot_are_no_error() -> None:
    class Answer:
        returncode, stdout, stderr = (
            1,
            "7_0|RUNNING\n7_1|COMPLETED\n",
            "slurm_load_jobs error: Invalid job id specified",
        )

    assert room.job_states(["7_0", "7_1", "9"], run=lambda *_, **__: Answer) == {"7_0": "RUNNING", "7_1": "COMPLETED"}
    assert [room.active(state) for state in ("RUNNING", "COMPLETED", None)] == [True, False, False]
