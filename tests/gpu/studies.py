"""Small studies through the commands, on a device; each returns what it measured, an assertion fails it."""

from __future__ import annotations

import csv
import math
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from pipeline.common.files import read_json
from pipeline.common.paths import CellPaths, Paths
from pipeline.records import Cost, Failure, Run
from pipeline.study.plan import Fingerprints
from tests.conftest import HELD, TINY, Project, wait_for

MIB = 2**20
FIRST_LOSS = {"fp32": 1e-3, "fp16": 2e-2, "bf16": 5e-2}  # relative, of the first iteration, to the CPU's in fp32


def study(project: Project, device: str, **changes: Any) -> None:
    """Write the tiny study for `device`."""
    train = {**TINY["train"], "device": device, **changes.pop("train", {})}
    project.params(train=train, **{"seeds": [0], **changes})


def run(project: Project, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A command of the pipeline, which sees the GPUs of this machine."""
    command = [sys.executable, "-m", "pipeline", *words]
    result = subprocess.run(
        command, cwd=project.root, env=seeing(project), capture_output=True, text=True, check=False, timeout=500
    )
    assert not check or not result.returncode, result.stdout + result.stderr
    return result


def seeing(project: Project) -> dict[str, str]:
    return {key: value for key, value in project.environment.items() if key != "CUDA_VISIBLE_DEVICES"}


def cell(project: Project, variant: str = "baseline", seed: int = 0) -> CellPaths:
    paths = Paths(project.root)
    fingerprint = Fingerprints(paths).of(variant, seed)
    assert fingerprint, "not planned"
    return paths.cell(fingerprint)


def losses(files: CellPaths) -> list[float]:
    with files.history.open() as file:
        return [float(row["value"]) for row in csv.DictReader(file) if row["metric"] == "loss"]


def trained(project: Project, device: str, precision: str) -> str:
    """Two cells in a precision: finite losses, the first one that of a CPU, whose draws it shares."""
    study(project, "cpu")
    run(project, "dispatch", "--jobs", "1")
    first = {variant: losses(cell(project, variant))[0] for variant in ("baseline", "se")}
    study(project, device, train={"precision": precision})
    run(project, "dispatch")
    said = []
    for variant, expected in first.items():
        files = cell(project, variant)
        found, told = losses(files), Run.read(files.run)
        assert all(map(math.isfinite, found))
        assert told.device == device
        off = abs(found[0] / expected - 1)
        assert off < FIRST_LOSS[precision], f"{variant}: first loss {found[0]}, on a CPU {expected}"
        memory = f", {told.gpu_memory / MIB:.0f} MiB" if told.gpu_memory else ""
        said.append(f"{variant} {told.seconds:.1f} s{memory}, first loss {off:.1e} off")
    return "; ".join(said)


def as_good_as_on_a_cpu(project: Project, device: str) -> str:
    """AP of the demo's baseline after two epochs there and on a CPU, with the same seed."""
    demo = {"dataset": {**TINY["dataset"], "train": 120, "val": 60, "size": [256, 160]}}
    train = {"epochs": 3, "image_size": [192, 120], "warmup_iters": 30, "log_interval": 10}
    found = {}
    for where in ("cpu", device):
        study(project, where, train=train, variants={"baseline": {}}, **demo)
        run(project, "dispatch", "--jobs", "1")
        found[where] = _ap(project)
    assert found["cpu"] > 0.05, "too little to compare"
    assert abs(found[device] - found["cpu"]) < 0.1
    return f"AP {found[device]:.3f}, on a CPU {found['cpu']:.3f}"


def _ap(project: Project) -> float:
    """AP of the baseline's first seed, evaluated on a CPU by the commands that DVC runs."""
    project.pipeline("train", "baseline", "0")  # it is done: this collects it
    project.pipeline("cost")
    project.pipeline("evaluate")
    with (project.root / "data/evaluation/metrics.csv").open() as file:
        (value,) = [row["value"] for row in csv.DictReader(file) if row["metric"] == "AP"]
    return float(value)


def resumed(project: Project, device: str) -> str:
    """A cell killed after its first epoch goes on from there; how far it ends from an uninterrupted one, and how far
    two uninterrupted ones end from each other. A CPU repeats itself to the bit; a GPU adds in any order.
    """
    overrides = {"overrides": {**HELD, "model.test_cfg.rcnn.score_thr": 0.0}}
    detector = {"width": "thin", **overrides}
    twice = {"baseline": {}, "again": {"repeat": 1}, "killed": {"repeat": 2}}
    study(project, device, variants=twice, detector=detector)
    run(project, "prepare")
    run(project, "plan")
    files = cell(project, "killed")
    project.hold(0)
    command = [sys.executable, "-m", "pipeline", "train", "killed", "0"]
    log = (project.root / "killed.log").open("w")
    process = subprocess.Popen(command, cwd=project.root, env=seeing(project), stdout=log, stderr=log)
    wait_for(lambda: (files.folder / "epoch_1.pth").exists() or process.poll() is not None)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    project.hold()
    for variant in twice:
        run(project, "train", variant, "0")
    assert Run.read(files.run).resumed_from == 1
    whole, again, killed = (cell(project, variant) for variant in twice)
    noise, after = _difference(whole, again), _difference(whole, killed)
    if device == "cpu":
        assert (noise, after) == (0.0, 0.0)
    else:
        assert after < max(0.05, 5 * noise)
    return f"scores of one run twice {noise:.1e} apart, after a kill {after:.1e}"


def _difference(one: CellPaths, other: CellPaths) -> float:
    """Largest difference of two runs' mean score an image; found boxes may differ in number and order."""
    means = []
    for files in (one, other):
        scores: dict[int, list[float]] = {}
        for found in read_json(files.predictions):
            scores.setdefault(found["image_id"], []).append(found["score"])
        means.append({image: statistics.fmean(values) for image, values in scores.items()})
    return max(abs(means[0][image] - means[1].get(image, 0.0)) for image in means[0])


def shared(project: Project, device: str) -> str:
    """Four cells: as many at once on a card, or on the cores, as the estimate's memory says."""
    study(project, device, seeds=[0, 1])
    told = run(project, "estimate").stdout
    (fitting,) = [line for line in told.splitlines() if "fit at once" in line]
    run(project, "dispatch")
    runs = [Run.read(cell(project, variant, seed).run) for variant in ("baseline", "se") for seed in (0, 1)]
    at_once = max(sum(b.started <= a.started < b.finished for b in runs) for a in runs)
    if device == "cuda":
        assert at_once > 1, "cells of a few MiB took turns on a card"
    return f"{fitting}; {at_once} ran at once"


def together(project: Project, device: str) -> str:
    """One cell of two processes: NCCL on two GPUs, gloo on a CPU."""
    study(project, device, train={"processes": 2}, variants={"baseline": {}})
    run(project, "dispatch")
    told = Run.read(cell(project).run)
    assert told.world_size == 2
    assert all(map(math.isfinite, losses(cell(project))))
    return f"{told.world_size} processes, {told.seconds:.1f} s"


def costs(project: Project, device: str) -> str:
    """The stage `cost`: operations are the CPU's, latency and memory the device's own."""
    told = {}
    for where in ("cpu", device):
        study(project, where)
        for words in (["prepare"], ["plan"], ["cost"]):
            run(project, *words)
        told[where] = Cost.read(Paths(project.root).cost)
    for name, variant in told[device].variants.items():
        assert variant.gflops == told["cpu"].variants[name].gflops
        assert 0 < variant.latency_ms.q1 <= variant.latency_ms.median <= variant.latency_ms.q3
        assert 0 < variant.memory.inference < variant.memory.training
    one = told[device].variants["se"]
    return f"se {one.latency_ms.median:.1f} ms an image, {one.memory.training / MIB:.0f} MiB a step"


def out_of_memory(project: Project, device: str) -> str:
    """A cell that finds no memory ends as the kind `memory` and says what to change."""
    study(project, device, train={"image_size": [1920, 1280]})
    run(project, "dispatch", check=False)
    failure = Failure.read(cell(project).failed)
    assert failure.kind == "memory", failure.reason
    assert "smaller train.batch_size" in failure.reason
    return failure.reason[:80]


BODIES = {body.__name__: body for body in (as_good_as_on_a_cpu, resumed, shared, costs)}


def words(body: Callable[[Project, str], str]) -> str:
    """The first sentence of what a body says of itself."""
    return " ".join((body.__doc__ or "").split()).partition(". ")[0].rstrip(".")
