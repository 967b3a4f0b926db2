"""A fresh MLflow store takes 5 s to make: it is made once, and each test gets a copy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from .study_tree import Tree


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def fresh_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def tree(tmp_path: Path, fresh_store: Path) -> Callable[..., Tree]:
    """Makes a study under tmp_path, with an MLflow store that is new and empty."""

    def make(**options: object) -> Tree:
        shutil.copyfile(fresh_store, tmp_path / "mlflow.db")
        return Tree(tmp_path, **options).write()  # type: ignore[arg-type]

    return make
