"""The projection on real MLflow servers, with sqlite and with PostgreSQL behind them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from mlflow import MlflowClient

from pipeline.tracking import TrackingError, sync
from pipeline.tracking.watch import Watcher

from .contents import artifacts, client, contents, one, runs
from .servers import mlflow_server, postgres, postgres_programs, s3
from .study_tree import Tree

FEW = {"variants": ("baseline", "cbam"), "seeds": (0, 1)}
CURVES = ("loss", "lr")  # a server takes one request for the points of one metric
NO_POSTGRES = "PostgreSQL is missing: apt-get install postgresql"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, fresh_store: Path) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    shutil.copyfile(fresh_store, folder / "server.db")
    with mlflow_server(folder, f"sqlite:///{folder}/server.db") as address:
        yield address


def study(root: Path, name: str, **options: object) -> Tree:
    made = Tree(root, **(FEW | options))  # type: ignore[arg-type]
    made.name = name
    return made.write()


def test_a_server_shows_what_sqlite_shows(server: str, tmp_path: Path, fresh_store: Path) -> None:
    made = study(tmp_path, "equal").report()
    receipt = sync(made.paths, uri=server)
    assert (receipt.created, receipt.uri) == (7, server)
    assert sync(made.paths, uri=server).unchanged == 7
    assert not (tmp_path / "mlflow.db").exists()
    shutil.copyfile(fresh_store, tmp_path / "mlflow.db")
    sync(made.paths)
    assert contents(MlflowClient(server), "equal", CURVES) == contents(client(tmp_path), "equal", CURVES)


def test_watch_and_sync_by_environment(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    made = study(tmp_path, "watched")
    made.train("cbam", 0, step=2)
    assert Watcher(made.paths).round() == 4
    assert sync(made.paths).updated == 1
    assert one(MlflowClient(server), "cell/cbam/0", study="watched").info.status == "FINISHED"


def test_what_two_machines_wrote_at_once_is_repaired(server: str, tmp_path: Path) -> None:
    made = study(tmp_path, "twice")
    sync(made.paths, uri=server)
    found = MlflowClient(server)
    kept = {run.info.run_id for run in runs(found, "twice")}
    for run in runs(found, "twice"):  # the other machine's runs, as complete as ours
        found.create_run(run.info.experiment_id, tags={**run.data.tags, "other": "yes"}, run_name=run.info.run_name)
    receipt = sync(made.paths, uri=server)
    assert (receipt.created, receipt.superseded) == (0, 7)
    left = runs(found, "twice")
    assert len({run.data.tags["key"] for run in left}) == len(left) == 7
    parents = {run.data.tags.get("mlflow.parentRunId") for run in left} - {None}
    assert parents <= {run.info.run_id for run in left}
    assert sync(made.paths, uri=server).unchanged == 7
    assert kept  # and whichever of the two stays, every machine stays with the same


def test_a_registered_version_on_a_server(server: str, tmp_path: Path) -> None:
    made = study(tmp_path, "offered")
    made.register = True
    assert sync(made.write().paths, uri=server).registered == "offered version 1: cbam, seed 0"
    assert MlflowClient(server).get_model_version_by_alias("offered", "best").tags["verdict"] == "better"


def test_a_deleted_experiment_comes_back(server: str, tmp_path: Path) -> None:
    made = study(tmp_path, "deleted")
    receipt = sync(made.paths, uri=server)
    MlflowClient(server).delete_experiment(receipt.experiment_id)
    assert sync(made.paths, uri=server).unchanged == 7


@pytest.mark.slow
@pytest.mark.skipif(postgres_programs() is None, reason=NO_POSTGRES)
def test_a_server_with_postgres(tmp_path: Path) -> None:
    made = Tree(tmp_path, steps=500).write()  # 33 cells of 1,000 points
    (tmp_path / "postgres").mkdir()
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)  # PostgreSQL runs as a user of its own
    with postgres(tmp_path / "postgres") as database, mlflow_server(tmp_path, database) as address:
        began = time.perf_counter()
        assert sync(made.paths, uri=address).created == 45
        seconds = time.perf_counter() - began
        print(f"33 cells of 1,000 points to a server with PostgreSQL: {seconds:.1f} s")
        assert sync(made.paths, uri=address).unchanged == 45
        assert sync(made.paths, uri=database).unchanged == 45  # the same store without its server
        equal = contents(MlflowClient(address), only=CURVES)
    with pytest.raises(TrackingError, match=r"postgresql://me:\*\*\*@127") as caught:
        sync(made.paths, uri=database)
    assert "secret" not in str(caught.value)
    sync(made.paths)
    assert contents(client(tmp_path), only=CURVES) == equal


@pytest.mark.slow
def test_sqlite_with_many_points(tmp_path: Path) -> None:
    made = Tree(tmp_path, steps=500).write()
    began = time.perf_counter()
    assert sync(made.paths).created == 45
    seconds = time.perf_counter() - began
    print(f"33 cells of 1,000 points to sqlite, the store made too: {seconds:.1f} s")
    assert sync(made.paths).unchanged == 45


@pytest.mark.slow
def test_a_server_with_users_and_an_s3_store(
    tmp_path: Path, fresh_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's own basic authentication, and artifacts in an S3-compatible store behind the server."""
    shutil.copyfile(fresh_store, tmp_path / "server.db")
    settings = tmp_path / "auth.ini"
    settings.write_text(
        "[mlflow]\ndefault_permission = READ\n"
        f"database_uri = sqlite:///{tmp_path}/auth.db\n"
        "admin_username = lab\nadmin_password = a secret of twelve\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    made = study(tmp_path / "study", "guarded").report()
    with s3(tmp_path) as store:
        environment = {
            "MLFLOW_AUTH_CONFIG_PATH": str(settings), "MLFLOW_FLASK_SERVER_SECRET_KEY": "key",
            "MLFLOW_S3_ENDPOINT_URL": store, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": "us-east-1",
        }  # fmt: skip
        backend, options = f"sqlite:///{tmp_path}/server.db", ("--app-name", "basic-auth")
        with mlflow_server(tmp_path, backend, "s3://lab/mlflow", options, **environment) as address:
            with pytest.raises(TrackingError, match="the server wants a user: set MLFLOW_TRACKING_USERNAME"):
                sync(made.paths, uri=address)
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "lab")
            monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a secret of twelve")
            receipt = sync(made.paths, uri=address)
            assert (receipt.created, receipt.uri) == (7, address)
            assert sync(made.paths, uri=address).unchanged == 7
            found = MlflowClient(address)
            assert "report/ablation.html" in artifacts(found, one(found, "study", study="guarded"))
            listed = requests.get(f"{store}/lab?prefix=mlflow", timeout=5).text
    assert "ablation.html" in listed
    assert not (tmp_path / "artifacts").exists()
