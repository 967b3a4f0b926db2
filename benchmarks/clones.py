"""Clones of this project in which benchmarks run commands and time them: studies, and MMDetection's own tools."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.common.files import read_json
from pipeline.common.paths import Paths
from pipeline.records import Plan
from pipeline.study.code import ROOT

PYTHON = sys.executable
PIPELINE = (PYTHON, "-m", "pipeline")
# MMEngine's own line of an iteration, in its log: the mean of the last 50 of the epoch, seconds
ITERATION = re.compile(r"Epoch\(train\)\s+\[(\d+)\].* time: (\d+\.\d+)")


def clone(folder: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def planned(folder: Path, variants: Sequence[str], seeds: list[int], **train: Any) -> Path:
    """A clone with some of the study's variants and another schedule, prepared and planned."""
    params = YAML(typ="safe").load(ROOT / "params.yaml")
    chosen = {name: params["variants"][name] for name in variants}
    changed = {**params, "variants": chosen, "seeds": seeds, "train": {**params["train"], **train}}
    return planned_study(folder, changed)


def planned_study(folder: Path, params: Mapping[str, Any]) -> Path:
    """A clone with a params.yaml of its own, prepared and planned."""
    project = clone(folder)
    YAML().dump(dict(params), project / "params.yaml")
    timed(project, "dvc", "repro", "--single-item", "prepare", "plan")
    return project


def timed(project: Path, *command: str) -> float:
    """Seconds that a command takes in a clone; what it says goes to bench.log there."""
    with (project / "bench.log").open("a") as log:
        began = time.perf_counter()
        result = subprocess.run(command, cwd=project, env=environment(project), stdout=log, stderr=log, check=False)
    if result.returncode:
        raise failed(" ".join(command), project / "bench.log")
    return time.perf_counter() - began


def failed(what: str, log: Path) -> SystemExit:
    return SystemExit(f"{what} failed:\n{log.read_text()[-3000:]}")


def environment(project: Path) -> dict[str, str]:
    """Of commands in a clone: this Python, the clone's own code, cells with the threads that are planned."""
    train = YAML(typ="safe").load(project / "params.yaml")["train"]
    no_gpu = (
        {} if train.get("device") == "cuda" else {"CUDA_VISIBLE_DEVICES": ""}
    )  # MMDetection takes one if it sees it
    return {
        **{key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"},
        "PATH": f"{Path(PYTHON).parent}:{os.environ['PATH']}", "PYTHONPATH": str(project),
        "DVC_NO_ANALYTICS": "1", **no_gpu,
    }  # fmt: skip


def tool(name: str) -> str:
    """A program of MMDetection's own tools."""
    import mmdet

    return str(Path(mmdet.__file__).parent / ".mim/tools" / name)


def planned_config(project: Path, variant: str) -> Any:
    """A plan's config, as MMEngine has it."""
    from mmengine.config import Config

    return Config(Plan.read(Paths(project).plan(variant)).mmengine_config())


def predictions(project: Path) -> dict[str, str]:
    """Fingerprint -> digest of the predictions of each finished cell."""
    runs = map(read_json, project.glob("scratch/*/run.json"))
    return {run["fingerprint"]: run["predictions_sha256"] for run in runs}


def iteration_seconds(log: str) -> float:
    """Of a training by MMEngine's log: the mean at the end of each epoch, the median of all epochs but the first."""
    ends = {int(epoch): float(seconds) for epoch, seconds in ITERATION.findall(log)}
    counted = [seconds for epoch, seconds in ends.items() if epoch > 1]
    if not counted:
        raise SystemExit("the log has no epoch past the first, so nothing was timed")
    return statistics.median(counted)


def revision() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def logs(folder: Path) -> Iterator[str]:
    """What MMEngine wrote into the log files below a work folder."""
    return (path.read_text() for path in sorted(folder.rglob("*.log")))
