"""A full disk: the cell fails with the reason, goes on once there is space, and nothing broken is collected."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project

from .faults import preloaded


@pytest.fixture
def small(project: Project) -> Iterator[Project]:
    """The tiny study, planned, with a small file system each for scratch and data/runs."""
    project.params(seeds=[0], variants={"baseline": {}})
    project.dvc("repro", "--single-item", "prepare", "plan")
    mounted: list[Path] = []
    try:
        for name, size in (("scratch", "96m"), ("data/runs", "24m")):
            folder = project.root / name
            folder.mkdir(parents=True, exist_ok=True)
            command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode:
                pytest.skip(f"no small file system can be mounted here: {result.stderr.strip()}")
            mounted.append(folder)
        yield project
    finally:
        for folder in mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)


def fill(folder: Path, leave: int) -> Path:
    """A file that takes all but `leave` bytes."""
    ballast = folder / "ballast"
    ballast.touch()
    with ballast.open("wb") as file:
        for _ in range(max(0, shutil.disk_usage(folder).free - leave) // 2**16):
            file.write(b"\0" * 2**16)
    return ballast


def test_a_checkpoint_that_finds_no_space(small: Project) -> None:
    ballast = fill(small.root / "scratch", 5_000_000)
    result = small.pipeline("dispatch", check=False)
    assert result.returncode == 1, result.stdout
    assert "free some space and run again" in result.stdout
    (failed,) = (small.root / "scratch").glob("*/FAILED")
    assert json.loads(failed.read_text())["kind"] == "disk"
    assert not list(failed.parent.glob("*.part"))
    ballast.unlink()
    assert "1 cells done" in small.pipeline("dispatch").stdout


def test_a_collection_that_finds_no_space(small: Project) -> None:
    small.pipeline("dispatch")
    ballast = fill(small.root / "data/runs", 200_000)
    result = small.pipeline("train", "baseline", "0", check=False)
    assert result.returncode == 2
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((small.root / "data/runs").glob("*/*"))
    ballast.unlink()
    small.pipeline("train", "baseline", "0")
    assert (small.root / "data/runs/baseline/0/run.json").exists()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_disk_that_is_full_after_any_number_of_writes(project: Project, tmp_path: Path) -> None:
    """Through all writes of one cell and its collection: one error, no half file, and the same numbers afterwards."""
    project.params(seeds=[0], variants={"baseline": {}})
    project.dvc("repro", "--single-item", "prepare", "plan")
    (whole,) = every_write(project, tmp_path, -1)
    assert whole["code"] == 0
    ended = Counter[str]()
    for found in every_write(project, tmp_path, *range(int(whole["writes"]))):
        print(found["n"], found["code"], found["said"].strip().splitlines()[-1:], flush=True)
        assert "Traceback" not in found["said"], found
        if found["code"]:
            assert found["code"] == 2, found
            assert re.search("free some( space)? and run", found["said"]), found
            assert not found["collected"]
        assert not found["left"], found
        assert found["again"] == 0, found
        assert {key: found[key] for key in ("steps", "predictions", "failed")} == {
            key: whole[key] for key in ("steps", "predictions", "failed")
        }, found
        ended["refused" if found["code"] else "done all the same"] += 1
    print(dict(ended))


def every_write(project: Project, folder: Path, *numbers: int) -> Iterator[dict[str, Any]]:
    """What `every_write.py` prints for a disk that is full after so many writes each."""
    environment = {
        **project.environment, "PYTHONPATH": str(project.root), "LD_PRELOAD": str(preloaded("disk", folder)),
        "DISK": f"{project.root}/scratch/:{project.root}/data/runs/",
    }  # fmt: skip
    command = [sys.executable, str(Path(__file__).with_name("every_write.py")), *map(str, numbers)]
    with subprocess.Popen(command, cwd=project.root, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("{"):
                yield json.loads(line)
    assert process.returncode == 0
