"""One cell on two processes: torchrun, one result, and nobody left when one of them fails or is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from pipeline.cells.torchrun import rendezvous
from tests.conftest import TINY, Project, wait_for
from tests.dispatch.test_local import WAITING as WAITS
from tests.dispatch.test_local import processes_of

WAITING = {**WAITS, "variants": {"baseline": {}}}
TWO = {**TINY["train"], "processes": 2, "batch_size": 2}


@pytest.fixture
def pair(project: Project) -> Project:
    """The tiny study with two processes a cell, planned."""
    project.params(train=TWO, **WAITING)
    project.dvc("repro", "--single-item", "prepare", "plan")
    return project


def plan(project: Project) -> Any:
    return json.loads((project.root / "data/plans/baseline.json").read_text())


def test_two_processes_train_one_cell(pair: Project) -> None:
    two = plan(pair)
    pair.pipeline("cell", "data/plans/baseline.json", "0")
    (done,) = (pair.root / "scratch").glob("*/DONE")
    run = json.loads((done.parent / "run.json").read_text())
    assert (run["world_size"], run["epochs"], run["steps"]) == (2, 3, 6)
    assert json.loads(subprocess.run(["zcat", done.parent / "predictions.json.gz"], capture_output=True).stdout)
    history = (done.parent / "history.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in history if ",loss," in row] == [str(step) for step in range(1, 7)]
    pair.params(train={**TWO, "processes": 1}, **WAITING)
    pair.dvc("repro", "--single-item", "plan")
    one = plan(pair)
    lr = [config["config"]["optim_wrapper"]["optimizer"]["lr"] for config in (one, two)]
    assert lr[1] == 2 * lr[0]
    assert one["digest"] != two["digest"]


def test_what_a_process_says_of_its_failure_is_the_cells(pair: Project) -> None:
    loud = {"baseline": {"overrides": {"optim_wrapper.optimizer.lr": 1e30}}}
    pair.params(train=TWO, **{**WAITING, "variants": loud})
    pair.dvc("repro", "--single-item", "plan")
    result = pair.pipeline("cell", "data/plans/baseline.json", "0", check=False)
    assert result.returncode == 2
    assert "baseline seed 0 failed: Diverged: the loss is" in result.stderr
    assert "Traceback" not in result.stderr
    (failed,) = (pair.root / "scratch").glob("*/FAILED")
    assert json.loads(failed.read_text())["kind"] == "diverged"
    assert not processes_of(pair)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_launcher_that_ends_takes_its_processes_along(pair: Project, number: signal.Signals) -> None:
    pair.hold(0)
    command = [sys.executable, "-m", "pipeline", "cell", "data/plans/baseline.json", "0"]
    process = subprocess.Popen(command, cwd=pair.root, env=pair.environment, stderr=subprocess.DEVNULL)
    wait_for(lambda: list((pair.root / "scratch").glob("*/heartbeat.json")))
    os.kill(process.pid, number)
    process.wait()
    wait_for(lambda: not processes_of(pair))
    pair.hold()
    assert not list((pair.root / "scratch").glob("*/FAILED"))
    pair.pipeline("cell", "data/plans/baseline.json", "0")
    assert list((pair.root / "scratch").glob("*/DONE"))


def test_processes_of_several_nodes_meet_at_the_first() -> None:
    assert rendezvous(4, "f" * 64, {"SLURM_JOB_NUM_NODES": "2"}) == ["--standalone", "--nproc-per-node", "4"]
    step = {
        "SLURM_STEP_NUM_NODES": "2",
        "SLURM_JOB_ID": "1017",
        "SLURM_NODEID": "1",
        "SLURM_LAUNCH_NODE_IPADDR": "10.0.0.1",
    }
    words = rendezvous(4, "f" * 64, step)
    assert words[words.index("--nproc-per-node") + 1] == "2"
    assert words[words.index("--node-rank") + 1] == "1"
    assert words[words.index("--master-addr") + 1] == "10.0.0.1"
    assert words[words.index("--master-port") + 1] == "29417"
