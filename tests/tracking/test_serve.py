"""`python -m pipeline ui`: the way to MLflow's pages that never spoils a store."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests

from pipeline.common.errors import UserError
from pipeline.common.paths import Paths
from pipeline.tracking import serve, sync
from tests.conftest import ROOT
from tests.conftest import wait_for as wait_until

from .contents import client, one, runs
from .servers import free_port, pages, started, wait_for
from .study_tree import Tree

Make = Callable[..., Tree]
FEW = {"variants": ("baseline", "cbam"), "seeds": (0, 1)}


def test_it_may_be_started_with_a_watch_before_there_is_a_store(tree: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    study = tree(**FEW)
    (study.root / "mlflow.db").unlink()
    shutil.rmtree(study.paths.evaluation)  # the first training of a study: nothing is evaluated yet
    study.train("cbam", 0, step=2)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    port, pipeline = free_port(), [sys.executable, "-m", "pipeline"]
    logs = [study.root / name for name in ("ui.log", "watch.log")]
    with (
        started([*pipeline, "ui", "--port", str(port)], logs[0], cwd=study.root) as ui,
        started([*pipeline, "track", "--watch", "--interval", "0.5"], logs[1], cwd=study.root) as watch,
    ):
        wait_for(f"http://127.0.0.1:{port}", ui, logs[0], 60)
        assert watch.poll() is None, logs[1].read_text()
        experiment = client(study.root).get_experiment_by_name("demo")
        assert experiment is not None
        page = f"http://127.0.0.1:{port}/#/experiments/{experiment.experiment_id}/runs?viewStateShareKey=comparison"
        assert page in logs[0].read_text()
        wait_until(lambda: runs(client(study.root)))
        assert [run.data.tags["cell"] for run in runs(client(study.root))] == ["cbam-0"]


def test_a_port_that_is_taken(tree: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"--port {port}: Address already in use on 127.0.0.1; stop what runs"):
            serve(tree(**FEW).paths, port)


def test_a_server_has_pages_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://lab:5000")
    with pytest.raises(UserError, match=r"pages of its own: open http://lab:5000$"):
        serve(Paths(tmp_path), free_port())


def test_an_address_with_a_password_is_on_no_command_line(tree: Make) -> None:
    study = tree(**FEW)
    with pages(study.root, MLFLOW_TRACKING_URI=f"sqlite:///{study.root}/other.db") as (_, process):
        line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert b"--port" in line
    assert b"other.db" not in line
    assert (study.root / "other.db").exists()


def test_it_fills_a_store_that_is_empty_and_its_server_talks_to_a_file(tree: Make) -> None:
    study = tree(**FEW)
    port = free_port()
    command, log = [sys.executable, "-m", "pipeline", "ui", "--port", str(port)], study.root / "ui.log"
    with started(command, log, cwd=study.root, PYTHONPATH=str(ROOT)) as process:
        wait_for(f"http://127.0.0.1:{port}", process, log, 60)
        assert len(runs(client(study.root))) == 7
    lines = log.read_text().splitlines()
    assert [line.partition(":")[0].partition(";")[0] for line in lines] == ["the comparison", "Ctrl-C stops MLflow"]
    assert study.paths.store_log.stat().st_size > 0


EVIL = "http://evil.example"


def test_only_these_pages_are_answered(tree: Make) -> None:
    """Whatever the environment says: its settings open MLflow to all."""
    study, port = tree(**FEW).report(), free_port()
    sync(study.paths)
    open_to_all = {
        "MLFLOW_SERVER_ALLOWED_HOSTS": "*",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "*",
        "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",
    }
    with pages(study.root, port, **open_to_all):
        ours, api = f"http://127.0.0.1:{port}", "ajax-api/2.0/mlflow"
        create, search = f"{ours}/{api}/experiments/create", f"{ours}/{api}/experiments/search?max_results=9"

        def made(name: str, **headers: str) -> int:
            return requests.post(create, json={"name": name}, headers=headers, timeout=30).status_code

        assert made("by its own page", Origin=ours) == 200
        assert made("by its other name", Origin=f"http://localhost:{port}", Host=f"localhost:{port}") == 200
        assert made("by a program") == 200
        assert made("elsewhere", Origin=EVIL) == 403
        assert made("a page of this machine", Origin=f"http://localhost:{port + 1}") == 403
        assert made("a sandboxed frame", Origin="null") == 403
        assert made("a rebound name", Host=f"10.evil.example:{port}") == 403
        assert requests.post(f"{ours}/v1/traces", headers={"Origin": EVIL}, timeout=30).status_code == 403
        assert requests.get(search, headers={"Origin": EVIL}, timeout=30).status_code == 403
        names = {found.name for found in client(study.root).search_experiments()}
        assert names == {"Default", "demo", "by its own page", "by its other name", "by a program"}

        run = one(client(study.root), "study").info.run_id
        report = requests.get(f"{ours}/get-artifact?run_id={run}&path=report/ablation.html", timeout=30)
        assert report.status_code == 200
        assert report.headers["Content-Security-Policy"] == "sandbox"
        assert report.headers["Content-Disposition"].startswith("attachment")
        assert "Content-Security-Policy" not in requests.get(ours, timeout=30).headers


def test_it_listens_on_loopback_alone(tree: Make) -> None:
    study, port = tree(**FEW), free_port()
    with pages(study.root, port) as (_, process):
        listening = {c.laddr for c in psutil.Process(process.pid).net_connections() if c.status == "LISTEN"}
    assert listening == {("127.0.0.1", port)}
