"""Slots, the fate of a cell whose process ended, the time left."""

from __future__ import annotations

import pytest

from pipeline.cells.state import Standing
from pipeline.common.errors import UserError
from pipeline.common.paths import Paths
from pipeline.dispatch import devices
from pipeline.dispatch.coordinator import ATTEMPTS, TaskProgress, settle
from pipeline.dispatch.devices import Slot, cpu_slots, gpu_slots
from pipeline.dispatch.display import Lines
from pipeline.dispatch.ends import End, How
from pipeline.dispatch.tasks import Task
from pipeline.study import Cell

GIB = 2**30
TASK = Task(Cell("se", 0), "f" * 64, Paths())


def test_cores_are_divided_by_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cores", lambda: 8)
    assert len(cpu_slots(threads=2, memory_gib=0.001, jobs=None)) == 4
    assert len(cpu_slots(threads=16, memory_gib=0.001, jobs=None)) == 1
    assert len(cpu_slots(threads=1, memory_gib=1e6, jobs=None)) == 1  # memory for none: one is tried
    assert len(cpu_slots(threads=2, memory_gib=0.001, jobs=3)) == 3


def test_gpus_take_turns_and_are_shared_once_a_cells_need_is_known() -> None:
    gpus = {"0": 81559.0, "1": 81559.0}
    assert gpu_slots(gpus, [], 1, None) == [Slot("0"), Slot("1")]
    assert gpu_slots(gpus, [20 * GIB, 30 * GIB], 1, None) == [Slot("0"), Slot("1")] * 2
    assert gpu_slots(gpus, [200 * GIB], 1, None) == [Slot("0"), Slot("1")]
    assert gpu_slots(gpus, [], 1, 3) == [Slot("0"), Slot("1"), Slot("0")]
    assert gpu_slots(gpus, [], 2, None) == [Slot("0,1")]
    with pytest.raises(UserError, match=r"train\.processes is 3 and this machine shows 2 GPUs"):
        gpu_slots(gpus, [], 3, None)


def ended(state: str, end: End, killed: int = 0) -> TaskProgress:
    progress = TaskProgress(TASK, killed=killed)
    settle(progress, Standing(Cell("se", 0), TASK.fingerprint, state, "a reason"), end)  # type: ignore[arg-type]
    return progress


def test_what_becomes_of_a_cell_whose_process_ended() -> None:
    assert ended("done", End(How.EXITED, code=0)).state == "done"
    assert ended("failed", End(How.EXITED, code=2)).detail == "a reason"
    assert ended("running", End(How.EXITED, code=2)).state == "elsewhere"
    again = ended("interrupted", End(How.KILLED, signal=9))
    assert (again.state, again.killed) == ("waiting", 1)
    last = ended("interrupted", End(How.KILLED, signal=9), killed=ATTEMPTS - 1)
    assert last.state == "failed"
    assert "short of memory" in last.detail
    assert ended("to do", End(How.KILLED, state="NODE_FAIL")).state == "waiting"
    assert ended("to do", End(How.CANCELLED, state="CANCELLED")).state == "failed"
    silent = ended("interrupted", End(How.EXITED, code=2))
    assert silent.state == "failed"
    assert "without a reason" in silent.detail


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (End(How.EXITED, code=2), "ended with exit code 2"),
        (End(How.EXITED, state="COMPLETED"), "its job ended"),
        (End(How.KILLED, signal=9), "killed by signal 9"),
        (End(How.KILLED, state="NODE_FAIL"), "killed (NODE_FAIL)"),
        (End(How.KILLED), "killed (its job is gone)"),
        (End(How.CANCELLED, state="CANCELLED"), "its job was cancelled"),
        (End(How.OUT_OF_MEMORY), "its job ran out of memory: raise memory_gb in the cluster's settings"),
    ],
)
def test_an_end_in_words(end: End, words: str) -> None:
    assert str(end) == words


def test_the_time_left_comes_from_the_cells_done() -> None:
    done = [Standing(Cell("baseline", seed), "e" * 64, "done", seconds=60.0) for seed in range(3)]
    view = Lines(done, total=13, at_once=2)
    assert view.left() == "about 5m 00s left"
    assert Lines([], total=4, at_once=2).left() == "4 to go"
    progress = TaskProgress(TASK, seconds=180.0)
    progress.move("done")
    view.cells[TASK.fingerprint] = progress
    assert view.left() == "about 6m 45s left"  # 9 cells of 90 s, two at a time
    assert view.line(progress) == "[4/13] se-0: done in 3m 00s; about 6m 45s left"
