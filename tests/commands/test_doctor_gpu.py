"""What the doctor says of GPUs: each mismatch with its cure, from facts written down; nvidia-smi is a stand-in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.commands import doctor
from pipeline.commands.doctor_gpu import Card, Gpus, gpu_findings, runs_on, shared_memory
from pipeline.commands.finding import Finding
from pipeline.study import Study
from tests.conftest import TINY
from tests.dispatch.stand_in import gpu, install

CARD = Card("0", "NVIDIA H100", "9.0", 81559.0, 80900.0)
FITTING = Gpus("", "13.0", "13.0", "13.0", True, ("sm_80", "sm_90", "sm_100"), (CARD,))


def found(need: float | None = None, wanted: bool = True, **changes: Any) -> list[Finding]:
    return list(gpu_findings(Gpus(**{**vars(FITTING), **changes}), wanted, need))


def card(**changes: Any) -> tuple[Card]:
    return (Card(**{**vars(CARD), **changes}),)


def test_all_that_fits_is_good() -> None:
    assert {finding.grade for finding in found(need=4000.0)} == {"good"}
    assert not found(wanted=False, seen=False)


@pytest.mark.parametrize(
    ("changes", "grade", "words"),
    [
        (
            {"operators_cuda": ""},
            "bad",
            ("operators were built without CUDA", "CUDA toolkit", "MMCV_WHEELS"),
        ),
        ({"operators_cuda": "12.8"}, "bad", ("built with CUDA 12.8 and torch with 13.0", "MMCV_WHEELS")),
        ({"driver_cuda": "12.8"}, "note", ("driver runs CUDA up to 12.8", "update the driver", "TORCH=<version>")),
        ({"cards": card(capability="6.1")}, "bad", ("compute capability 6.1", "sm_80, sm_90", "TORCH=<version>")),
        ({"cards": card(free=3000.0)}, "note", ("2.9 of 79.6 GiB free and a cell takes 3.9", "`nvidia-smi` names who")),
        ({"seen": False, "trouble": "no driver; install it"}, "bad", ("sees no GPU here (no driver; install it)",)),
        ({"seen": False, "torch_cuda": ""}, "bad", ("this torch was built without CUDA",)),
        ({"seen": False, "driver_cuda": "12.4"}, "bad", ("driver runs CUDA up to 12.4", "train.device: cpu")),
        ({"seen": False}, "bad", ("is CUDA_VISIBLE_DEVICES set?", "MMCV_WHEELS")),
    ],
)
def test_each_mismatch_names_its_cure(changes: dict[str, Any], grade: str, words: tuple[str, ...]) -> None:
    (one,) = [finding for finding in found(need=4000.0, **changes) if finding.grade != "good"]
    assert one.grade == grade
    for word in words:
        assert word in one.text


def test_a_study_for_the_cpu_is_only_noted() -> None:
    assert {finding.grade for finding in found(wanted=False, operators_cuda="")} == {"note", "good"}


def test_a_card_that_others_use_is_noted_before_a_cells_need_is_known() -> None:
    (one,) = [finding for finding in found(cards=card(free=40000.0)) if finding.grade == "note"]
    assert "someone else uses it" in one.text


@pytest.mark.parametrize(
    ("capability", "architectures", "runs"),
    [
        ("8.9", ["sm_80", "sm_90"], True),  # compiled code runs on later minors
        ("8.0", ["sm_86"], False),  # not on earlier ones
        ("12.0", ["sm_90"], False),  # nor on other majors
        ("12.0", ["sm_90", "compute_90"], True),  # compiled on the spot
        ("9.0", ["sm_90a"], True),
        ("10.0", ["sm_100"], True),
        ("6.1", ["compute_70"], False),
    ],
)
def test_which_cards_compiled_code_runs_on(capability: str, architectures: list[str], runs: bool) -> None:
    assert runs_on(capability, architectures) is runs


def test_shared_memory_for_workers() -> None:
    train = {"workers": 4, "batch_size": 8, "image_size": [1000, 500]}
    study = Study.model_validate({**TINY, "train": {**TINY["train"], **train}})
    needed = 4 * 2 * 8 * 3 * 1000 * 500
    good, short = shared_memory(study.train, needed), shared_memory(study.train, needed - 1)
    assert good is not None
    assert good.grade == "good"
    assert short is not None
    assert short.grade == "note"
    assert "--shm-size" in short.text
    assert shared_memory(Study.model_validate(TINY).train, 0.0) is None


def test_torchs_words_and_the_drivers_come_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, [gpu(0, memory__total="2048", memory__free="100", compute_cap="8.6")], cuda="12.8")
    gpus = doctor.gpus_here("12.8", True, "12.8", ["sm_80"])
    texts = [finding.text for finding in gpu_findings(gpus, wanted=True, need=None)]
    assert "GPU seen; torch has CUDA 12.8, the operators 12.8" in texts
    assert any("GPU 0, NVIDIA H100 80GB HBM3, compute capability 8.6" in text for text in texts)
    assert any("0.1 of 2.0 GiB free: someone else uses it" in text for text in texts)


def test_operators_without_cuda_and_a_driver_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, [], code=9)
    gpus = doctor.gpus_here("not available", False, None, [])
    assert gpus.operators_cuda == gpus.torch_cuda == ""
    assert "couldn't communicate with the NVIDIA driver" in gpus.trouble
