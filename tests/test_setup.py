"""`tools/setup.sh` on machines that lack something: one clear sentence, nothing installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

NEEDED = ("bash", "dirname", "grep", "cut", "cat", "sha256sum", "rm", "env", "tail")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A project with the setup files alone, and a folder of the few programs this machine has."""
    project = tmp_path / "project"
    for name in ("tools/setup.sh", "requirements.txt", "constraints.txt"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, project / name)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in NEEDED:
        (programs / name).symlink_to(str(shutil.which(name)))
    return project


def setup(project: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "tools/setup.sh"], cwd=project, capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": str(project.parent / "bin"), "HOME": os.environ["HOME"], **environment},
    )  # fmt: skip


def one_sentence(result: subprocess.CompletedProcess[str], project: Path) -> str:
    assert result.returncode != 0
    assert result.stderr.count("\n") == 1
    assert not (project / ".venv").exists()
    return result.stderr


def test_no_python_at_all(machine: Path) -> None:
    assert "Python 3.11 or 3.12 is needed" in one_sentence(setup(machine), machine)


def test_a_python_of_another_version_is_named(machine: Path) -> None:
    old = machine.parent / "bin" / "old-python"
    old.write_text("#!/usr/bin/env bash\necho 3.8\n")  # what it answers when asked for its version
    old.chmod(0o755)
    assert "old-python is Python 3.8; 3.11 or 3.12 is needed" in one_sentence(
        setup(machine, PYTHON="old-python"), machine
    )


def test_no_compiler(machine: Path) -> None:
    sentence = one_sentence(setup(machine, PYTHON=sys.executable), machine)
    assert "a C++ compiler is needed" in sentence
    assert "MMCV_WHEELS" in sentence


def test_the_pins_are_exact_and_name_no_index() -> None:
    for name in ("requirements.txt", "constraints.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith("#"):
                package, version = line.split("==")
                assert package
                assert version
    assert "://" not in (ROOT / "requirements.txt").read_text() + (ROOT / "constraints.txt").read_text()
