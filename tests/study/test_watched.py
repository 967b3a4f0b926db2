"""What DVC is told to watch beside the rooms of the project."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.common.errors import UserError
from pipeline.study.watched import watch
from tests.conftest import ROOT


@pytest.fixture
def stages(tmp_path: Path) -> Path:
    path = tmp_path / "dvc.yaml"
    path.write_text((ROOT / "dvc.yaml").read_text())
    return path


def test_folders_of_own_modules_become_deps_of_plan_once(stages: Path) -> None:
    before = YAML(typ="safe").load(stages.read_text())
    files = ["gates/soft.py", "gates/deep/hard.py", "single.py", "gates/__init__.py"]
    assert watch(stages, files) == ["gates", "single.py"]
    assert watch(stages, files) == []
    after = YAML(typ="safe").load(stages.read_text())
    assert set(after["stages"]["plan"]["deps"]) == {*before["stages"]["plan"]["deps"], "gates", "single.py"}
    del before["stages"]["plan"]["deps"], after["stages"]["plan"]["deps"]
    assert after == before


def test_nothing_to_watch_touches_nothing(stages: Path) -> None:
    before = stages.stat().st_mtime_ns
    assert watch(stages, []) == []
    assert watch(stages, ["pipeline/attention/mine.py"]) == []
    assert stages.stat().st_mtime_ns == before


def test_a_file_of_another_form_is_left_alone(stages: Path) -> None:
    stages.write_text("stages: {plan: {cmd: x, deps: [a]}}\n")
    with pytest.raises(UserError, match=r"dvc.yaml: add to the deps of the stage `plan`, one a line: gates"):
        watch(stages, ["gates/soft.py"])
