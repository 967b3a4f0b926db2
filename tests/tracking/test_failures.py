"""A store that fails: one clear message within seconds, the study's files as they were, and the next sync repairs."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.common.errors import UserError
from pipeline.tracking import TrackingError, sync
from pipeline.tracking.errors import redact

from .study_tree import Tree

Make = Callable[..., Tree]
FEW = {"variants": ("baseline", "cbam"), "seeds": (0,)}
AFTER = r"\nThe study's files are untouched; `python -m pipeline track` brings the store up to date later\.$"
NOBODY = 65534


def files(root: Path) -> dict[str, str]:
    """Digests of all that is the study's."""
    folders = [path for name in ("data", "reports") for path in (root / name).rglob("*") if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in [*folders, root / "params.yaml"]}


def fails(study: Tree, message: str, uri: str | None = None, within: float = 60.0) -> None:
    """`within` tells an answer after our own seconds of waiting from MLflow's minutes, on a slow machine too."""
    before, began = files(study.root), time.monotonic()
    with pytest.raises(TrackingError, match=message + ".*" + AFTER) as caught:
        sync(study.paths, uri=uri)
    assert time.monotonic() - began < within
    assert isinstance(caught.value, UserError)
    assert "secret" not in str(caught.value)
    assert files(study.root) == before


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_no_server_there(tree: Make) -> None:
    fails(tree(**FEW), r"http://me:\*\*\*@127\.0\.0\.1:9: no server answers there", "http://me:secret@127.0.0.1:9")


def test_a_server_that_never_answers(tree: Make, silent: int) -> None:
    fails(tree(**FEW), "no server answers there: start it", f"http://127.0.0.1:{silent}")


def test_what_is_no_address(tree: Make) -> None:
    fails(tree(**FEW), "MLflow store somewhere: no MLflow address; allowed: http://", "somewhere")


def test_a_file_that_is_no_store(tree: Make) -> None:
    study = tree(**FEW)
    (study.root / "mlflow.db").write_bytes(b"hello world" * 1000)
    fails(study, "sqlite:///mlflow.db: the file is no MLflow store: move it away")


def test_a_store_of_a_newer_and_of_an_older_mlflow(tree: Make) -> None:
    study = tree(**FEW)
    for revision, message in (
        ("zzz999", "written by a newer MLflow than 3"),
        ("451aebb31d03", "made by an older MLflow"),
    ):
        with sqlite3.connect(study.root / "mlflow.db") as database:
            database.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        fails(study, message)


def test_a_store_that_two_programs_made_at_once(tree: Make) -> None:
    study = tree(**FEW)
    with sqlite3.connect(study.root / "mlflow.db") as database:  # as a `mlflow ui` beside a first `track` left it
        database.execute("UPDATE alembic_version SET version_num = '7ac759974ad8'")
        database.execute("CREATE TABLE _alembic_tmp_tags (key TEXT)")
    fails(study, "sqlite:///mlflow.db: two programs made the store at once and left half of it: move it away")
    (study.root / "mlflow.db").unlink()
    assert sync(study.paths).created == 5


def test_a_store_that_another_program_holds(tree: Make) -> None:
    study = tree(**FEW)
    database = sqlite3.connect(study.root / "mlflow.db")
    database.execute("BEGIN EXCLUSIVE")
    fails(study, "another program holds the store")
    database.close()
    assert sync(study.paths).created == 5


def test_a_project_that_was_moved(tree: Make) -> None:
    study = tree(**FEW)
    sync(study.paths)
    moved = study.root.rename(study.root.with_name("moved"))
    study.root = moved
    fails(study, "mlflow.db: the project was moved since: delete it")


def restricted(study: Tree, restrict: Callable[[], None]) -> str:
    """The error of a sync in a process that `restrict` has limited; empty where it went well."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        text = "the sync was not reached"
        try:
            restrict()
            sync(study.paths)
            text = ""
        except TrackingError as error:
            text = str(error)
        finally:
            os.write(writer, text.encode())
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        return answer.read()


def test_a_read_only_store(fresh_store: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:  # tmp_path is closed to other users
        study = Tree(Path(folder), ("baseline", "cbam"), (0,)).write()
        study.root.chmod(0o777)
        shutil.copyfile(fresh_store, study.root / "mlflow.db")
        (study.root / "mlflow.db").chmod(0o444)
        before = files(study.root)
        error = restricted(study, lambda: os.setuid(NOBODY) if os.getuid() == 0 else None)
        assert "sqlite:///mlflow.db: the store is read-only: make it writable" in error
        assert files(study.root) == before
        (study.root / "mlflow.db").chmod(0o644)
        assert sync(study.paths).created == 5


def test_a_full_disk_and_the_repair(tree: Make) -> None:
    study = tree(**FEW)
    before, room = files(study.root), (study.root / "mlflow.db").stat().st_size + 4096
    error = restricted(study, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))
    assert "sqlite:///mlflow.db: the disk of the store does not take the data" in error
    assert error.count("\n") == 1
    assert files(study.root) == before
    receipt = sync(study.paths)
    assert receipt.created + receipt.updated >= 1
    assert sync(study.paths).unchanged == 5


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://me:secret@host:5000/x", "http://me:***@host:5000/x"),
        ("postgresql+psycopg://me:se:cret@host/db failed", "postgresql+psycopg://me:***@host/db failed"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
    ],
)
def test_redact(address: str, shown: str) -> None:
    assert redact(address) == shown
