"""Fixtures that several rooms share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.common.files import write_text

ROOT = Path(__file__).resolve().parent.parent

TINY: dict[str, Any] = {
    "study": "tiny",
    "dataset": {
        "source": "roadmarks", "origin": "pipeline/dataset/roadmarks",
        "train": 8, "val": 6, "size": [128, 96], "seed": 0,
    },
    "detector": {"width": "thin"},
    "train": {
        "epochs": 3, "batch_size": 4, "lr_batch": 4, "image_size": [96, 64], "lr": 0.002,
        "warmup_iters": 2, "log_interval": 1,
    },
    "variants": {"baseline": {}, "se": {"attention": "se"}},
    "seeds": [0, 1],
    "evaluation": {"baseline": "baseline", "resamples": 200},
    "tracking": {"register": False},
}  # fmt: skip

SHORT: dict[str, Any] = {**TINY["train"], "epochs": 1}

# Detector overrides under which a cell waits where `Project.hold` says: a test meets it there on any machine.
HELD: dict[str, Any] = {
    "custom_hooks": [
        {"type": "CommonRandomNumbers"}, {"type": "History", "interval": 1}, {"type": "held.Held"},
    ]
}  # fmt: skip


@dataclass
class Project:
    """A clone of this project in a folder of its own, with its own params.yaml, git and DVC."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        """This Python first on the PATH, as after `. .venv/bin/activate`; one thread; no MLflow of the user's."""
        bin_folder = str(Path(sys.executable).parent)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
        return {
            **inherited, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1", "CUDA_VISIBLE_DEVICES": "",
        }  # fmt: skip

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False, timeout=900
        )
        if check and result.returncode:
            raise AssertionError(f"{' '.join(command)} exited with {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def dvc(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("dvc", *words, check=check)

    def pipeline(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "pipeline", *words, check=check)

    def hold(self, *seeds: int) -> None:
        """Let cells of these seeds wait after each epoch, all others go on (where `HELD` is in the overrides)."""
        write_text(self.root / "held", " ".join(map(str, seeds)))

    def params(self, **changes: Any) -> None:
        """Write params.yaml: the tiny study with top-level sections replaced."""
        with (self.root / "params.yaml").open("w") as file:
            YAML().dump({**TINY, **changes}, file)


def clone(folder: Path) -> Project:
    """What git would clone, from the working tree: the project's files and nothing a study made."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        if name.split("/")[0] in (
            "pipeline",
            "configs",
            "data",
            "dvc.yaml",
            "Makefile",
            ".dvc",
            ".dvcignore",
            ".gitignore",
            "requirements.txt",
        ):
            source, target = ROOT / name, folder / name
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    shutil.copyfile(ROOT / "tests/held.py", folder / "held.py")
    project = Project(folder)
    project.params()
    project.run("git", "init", "-q")
    project.run("git", "config", "user.name", "test")
    project.run("git", "config", "user.email", "test@example.org")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "start")
    return project


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh clone with the tiny study, nothing run yet."""
    return clone(tmp_path / "project")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole studies first: with a file to a process, the longest files must not begin last."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)
