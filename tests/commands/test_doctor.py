"""The doctor on this machine, and what it says of a study that cannot run here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

from pipeline.commands import doctor
from pipeline.common.paths import Paths
from tests.conftest import ROOT, TINY


def findings(folder: Path, **train: object) -> list[doctor.Finding]:
    with (folder / "params.yaml").open("w") as file:
        YAML().dump({**TINY, "train": {**TINY["train"], **train}}, file)
    (folder / "requirements.txt").write_text((ROOT / "requirements.txt").read_text())
    return list(doctor.findings_of(Paths(folder)))


def test_this_machine_can_run_the_tiny_study(tmp_path: Path) -> None:
    found = findings(tmp_path)
    assert not [finding.text for finding in found if finding.grade == "bad"]
    assert any("operators load" in finding.text for finding in found)
    assert any("all pins installed" in finding.text for finding in found)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_study_without_a_gpu_is_told_the_ways_out(tmp_path: Path) -> None:
    (bad,) = [finding.text for finding in findings(tmp_path, device="cuda") if finding.grade == "bad"]
    for words in ("torch sees no GPU", "CUDA toolkit", "MMCV_WHEELS", "train.device: cpu"):
        assert words in bad


def test_too_many_threads_and_another_version_are_notes(tmp_path: Path) -> None:
    notes = [finding.text for finding in findings(tmp_path, threads=4096) if finding.grade == "note"]
    assert any("train.threads is 4096" in note for note in notes)
    (tmp_path / "requirements.txt").write_text("torch==0.0.1\n")
    notes = [finding.text for finding in doctor.findings_of(Paths(tmp_path)) if finding.grade == "note"]
    assert any("torch" in note and "0.0.1" in note for note in notes)


def test_a_broken_params_file_makes_it_exit_with_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "params.yaml").write_text("variants: {}\n")
    assert doctor.examine(Paths(tmp_path), quiet=True) == 1
    assert "params.yaml" in capsys.readouterr().out
