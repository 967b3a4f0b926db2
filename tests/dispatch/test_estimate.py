"""What a study will take: the arithmetic by hand, and real timings of the tiny study."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.commands.estimate import lines
from pipeline.common.paths import Paths
from pipeline.dispatch.devices import needs
from pipeline.dispatch.estimate import COPIES, cell_seconds, disk, makespan, timings_of
from pipeline.records import Estimate, Run
from pipeline.records.estimate import Timing
from pipeline.study import Study, load
from tests import made
from tests.conftest import ROOT, TINY, Project

GIB = 2**30


def timing(**changes: Any) -> Timing:
    content = {
        "plan": "p", "hardware": "a card", "setup": 5.0, "iteration": 0.5, "counted": 20, "steps": 100, "image": 0.1,
        "images": 50, "memory": GIB, "gpu_memory": None, "weights": 1000, "resume": 3000, "began": 1.0, "ended": 2.0,
    }  # fmt: skip
    return Timing.model_validate({**content, **changes})


def study(**changes: Any) -> Study:
    return Study.model_validate({**TINY, **changes})


def test_a_cell_is_its_start_its_iterations_and_its_images() -> None:
    assert timing().cell_seconds == 5 + 100 * 0.5 + 50 * 0.1


@pytest.mark.parametrize(
    ("seconds", "at_once", "expected"),
    [([3.0, 3.0, 3.0], 1, 9.0), ([3.0, 3.0, 3.0], 2, 6.0), ([5.0, 1.0, 1.0, 1.0], 2, 5.0), ([2.0], 8, 2.0)],
)
def test_cells_start_as_places_become_free(seconds: list[float], at_once: int, expected: float) -> None:
    assert makespan(seconds, at_once) == expected


def test_a_variant_that_was_not_timed_counts_as_the_mean() -> None:
    variants = {name: {} if name == "baseline" else {"attention": "se"} for name in ("baseline", "se", "late")}
    known = {"baseline": timing(setup=0.0), "se": timing(setup=10.0)}
    assert cell_seconds(study(variants=variants, seeds=[0]), known) == [55.0, 65.0, 60.0]


def test_disk_holds_every_result_and_the_checkpoints_in_use() -> None:
    assert disk([timing(), timing(weights=500)], cells=10, at_once=2) == COPIES * 1000 * 10 + 2 * 3000 * 2


def test_what_was_timed_holds_for_the_same_plan_alone(tmp_path: Path) -> None:
    paths, one = Paths(tmp_path), study()
    assert not needs(one, paths).measured
    timed = {"baseline": timing(memory=3 * GIB), "se": timing(plan="older", memory=9 * GIB), "gone": timing()}
    Estimate(device="cpu", at_once=1, watts=None, timings=timed).write(paths.estimate)
    for name in ("baseline", "se"):
        made.plan(variant=name).write(paths.plan(name))
    assert set(timings_of(one, paths)) == {"baseline"}
    assert needs(one, paths).memory == 3.0
    assert needs(one, paths).measured


def said(cuda: bool = False, watts: float | None = None) -> list[str]:
    found = Estimate(
        device="cuda" if cuda else "cpu", at_once=2, watts=watts, timings={"baseline": timing(), "se": timing()}
    )
    return list(lines(study(), found, 4, 10 * GIB))


def test_the_words_for_a_study_of_four_cells_of_a_minute() -> None:
    text = "\n".join(said())
    for words in (
        "4 cells on a card", "4 fit at once", "here, 2 at once: 2m 00s", "1: 4m 00s, 2: 2m 00s, 4: 1m 00s",
        "10.0 GiB are free", "energy: no driver tells it here",
    ):  # fmt: skip
        assert words in text
    on_gpus = "\n".join(said(cuda=True, watts=300.0))
    assert "0.0 kWh of the GPUs alone, at 300 W each" in on_gpus
    assert "cells that share a GPU slow each other down" in on_gpus


def test_the_tiny_study_is_timed_and_dispatch_uses_its_memory(project: Project) -> None:
    result = project.pipeline("estimate")
    for words in ("baseline", "se", "4 cells on", "disk: up to"):
        assert words in result.stdout
    paths = Paths(project.root)
    found = timings_of(load(paths.params), paths)
    assert set(found) == {"baseline", "se"}
    for one in found.values():
        assert one.steps == 6  # 3 epochs of 8 pictures, 4 a batch
        assert one.images == 6
        assert 0 < one.iteration < 60
        assert 0.1 * GIB < one.memory < psutil.virtual_memory().total
        assert one.resume > one.weights > 0
    assert not paths.cells()
    assert "(measured)" in project.pipeline("doctor", check=False).stdout


def test_a_variant_that_does_not_train_is_one_sentence(project: Project) -> None:
    project.params(variants={"baseline": {"overrides": {"optim_wrapper.optimizer.lr": 1e30}}}, seeds=[0])
    result = project.pipeline("estimate", check=False)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("error: baseline cannot be trained here: Diverged: the loss is")
    assert not Paths(project.root).estimate.exists()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_estimate_of_the_demo_comes_true(project: Project) -> None:
    """Within a quarter of what dispatch then takes, on a machine that does nothing else. Two variants, two seeds."""
    demo = load(ROOT / "params.yaml").model_dump(mode="json", exclude_unset=True)
    chosen = {name: demo["variants"][name] for name in ("baseline", "cbam")}
    project.params(**{**demo, "variants": chosen, "seeds": [0, 1], "tracking": {"register": False}})
    project.pipeline("estimate")
    paths = Paths(project.root)
    expected = Estimate.read(paths.estimate)
    began = time.monotonic()
    project.pipeline("dispatch", "--jobs", str(expected.at_once))
    took = time.monotonic() - began
    print(
        "cells:",
        {
            run.fingerprint[:6]: run.seconds + run.predict_seconds
            for run in map(Run.read, paths.scratch.glob("*/run.json"))
        },
    )
    seconds = makespan(cell_seconds(load(paths.params), expected.timings), expected.at_once)
    print(f"estimated {seconds:.1f} s, took {took:.1f} s, ratio {seconds / took:.2f}")
    assert seconds == pytest.approx(took, rel=0.25)
