"""`tools/setup.sh` on machines that lack something: one clear sentence, nothing installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
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


def setup(project: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "tools/setup.sh", *words], cwd=project, capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": str(project.parent / "bin"), "HOME": os.environ["HOME"], **environment},
    )  # fmt: skip


def one_sentence(result: subprocess.CompletedProcess[str], project: Path) -> str:
    assert result.returncode != 0
    assert result.stderr.count("\n") == 1
    assert not (project / ".venv").exists()
    return result.stderr


def test_no_python_at_all(machine: Path) -> None:
    assert "Python 3.11, 3.12 or 3.13 is needed" in one_sentence(setup(machine), machine)


def test_a_python_of_another_version_is_named(machine: Path) -> None:
    old = machine.parent / "bin" / "old-python"
    old.write_text("#!/usr/bin/env bash\necho 3.8\n")  # what it answers when asked for its version
    old.chmod(0o755)
    assert "old-python is Python 3.8; 3.11, 3.12 or 3.13 is needed" in one_sentence(
        setup(machine, PYTHON="old-python"), machine
    )


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
    (folder / name).chmod(0o755)


def test_a_python_too_new_is_not_taken(machine: Path) -> None:
    program(machine.parent / "bin", "python3", "echo 3.14")
    assert "Python 3.11, 3.12 or 3.13 is needed" in one_sentence(setup(machine), machine)


def test_uv_fetches_a_python_where_none_fits(machine: Path) -> None:
    """A stand-in that has fetched this very Python: the next thing that lacks is the compiler."""
    program(machine.parent / "bin", "uv", f'[ "$2" = find ] && echo {sys.executable} || true')
    result = setup(machine)
    assert "no Python from 3.11 to 3.13 was found; uv fetches 3.12" in result.stdout
    assert "a C++ compiler is needed" in one_sentence(result, machine)


def test_a_uv_that_cannot_fetch_is_one_sentence(machine: Path) -> None:
    program(machine.parent / "bin", "uv", "exit 1")
    assert "uv could not fetch Python 3.12" in one_sentence(setup(machine), machine)


def test_a_wheel_needs_an_environment(machine: Path) -> None:
    result = setup(machine, "wheel", PYTHON=sys.executable)
    assert "make setup first" in one_sentence(result, machine)


def test_pyproject_and_setup_allow_the_same_pythons() -> None:
    (supported,) = re.findall(r'^SUPPORTED="(.*)"', (ROOT / "tools/setup.sh").read_text(), re.MULTILINE)
    minors = [int(version.partition(".")[2]) for version in supported.split()]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">=3.{minors[0]},<3.{minors[-1] + 1}"


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
