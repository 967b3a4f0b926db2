"""GPUs as nvidia-smi names them, divided among cells; what they draw. nvidia-smi itself is a stand-in."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline.common.errors import UserError
from pipeline.dispatch import nvidia
from pipeline.dispatch.devices import CONTEXT, USABLE, Slot, gpu_slots, visible_gpus
from pipeline.dispatch.energy import mean_watts, watched_power
from tests.dispatch.stand_in import gpu, install

MIB = 2**20


def test_gpus_are_those_that_the_environment_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, [gpu(0), gpu(1, memory__total="24576"), gpu(2, memory__total="[N/A]")])
    assert visible_gpus({}) == {"0": 81559.0, "1": 24576.0}
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "1"}) == {"1": 24576.0}
    with pytest.raises(UserError, match="nvidia-smi names 0, 1, CUDA_VISIBLE_DEVICES allows none"):
        visible_gpus({"CUDA_VISIBLE_DEVICES": ""})


def test_a_driver_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, [], code=9)
    with pytest.raises(UserError, match=r"nvidia-smi fails: .*couldn't communicate .*; reload NVIDIA's driver"):
        visible_gpus({})


def test_no_nvidia_smi_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="nvidia-smi is not on the PATH; install NVIDIA's driver"):
        nvidia.query("index")


def test_the_drivers_cuda_and_its_missing_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, [gpu(0)], cuda="12.8")
    assert nvidia.cuda_version() == "12.8"
    assert nvidia.query("index", "power.draw") == [{"index": "0", "power.draw": "312.50"}]
    assert nvidia.number("312.50") == 312.5
    assert nvidia.number("[Not Supported]") is None


@pytest.mark.parametrize("most", [1, 2, 5])
def test_as_many_cells_a_gpu_as_leave_room_for_the_drivers_share(most: int) -> None:
    peak = 3000 * MIB
    size = most * (3000 + CONTEXT) / USABLE
    assert len(gpu_slots({"0": size + 1}, [peak], 1, None)) == most
    assert len(gpu_slots({"0": size - 1}, [peak], 1, None)) == max(1, most - 1)


def test_no_more_cells_than_the_cores_feed_but_one_a_gpu() -> None:
    gpus = {"0": 81559.0, "1": 81559.0}
    assert gpu_slots(gpus, [1000 * MIB], 1, None, fed=3) == [Slot("0"), Slot("1"), Slot("0")]
    assert gpu_slots(gpus, [1000 * MIB], 1, None, fed=1) == [Slot("0"), Slot("1")]


def test_power_is_the_mean_of_what_was_drawn_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, [gpu(0, power__draw="200.0"), gpu(1, power__draw="[N/A]"), gpu(2)])
    with watched_power({"0", "1"}) as samples:
        end = time.monotonic() + 30
        while not samples and time.monotonic() < end:
            time.sleep(0.01)
    assert {watts for _, watts in samples} == {200.0}
    assert mean_watts([(1.0, 100.0), (2.0, 200.0), (3.0, 300.0), (9.0, 900.0)], [(0.5, 1.5), (2.5, 4.0)]) == 200.0
    assert mean_watts([(1.0, 100.0)], [(2.0, 3.0)]) is None


def test_no_power_without_a_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with watched_power({"0"}) as samples:
        pass
    assert samples == []
