"""Real MLflow servers on 127.0.0.1, and a PostgreSQL of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.conftest import ROOT


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def mlflow_server(
    folder: Path, backend: str, artifacts: str | None = None, options: tuple[str, ...] = (), **environment: str
) -> Iterator[str]:
    """`mlflow server` with its artifacts under `folder`, or where `artifacts` says; gives its address."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", backend, "--artifacts-destination", artifacts or str(folder / "artifacts")]
    with started([*command, *options], folder / "server.log", None, **environment) as process:
        address = f"http://127.0.0.1:{port}"
        wait_for(address, process, folder / "server.log")
        yield address


@contextmanager
def s3(folder: Path) -> Iterator[str]:
    """An S3 of moto's, with a bucket `lab`; gives its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with started([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], folder / "s3.log"):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                requests.put(f"{address}/lab", timeout=2)
                break
            except requests.RequestException:
                time.sleep(0.2)
        yield address


@contextmanager
def pages(root: Path, port: int | None = None, **environment: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`python -m pipeline ui` in a study's root, answering: its address and process."""
    port = port or free_port()
    command = [sys.executable, "-m", "pipeline", "ui", "--port", str(port)]
    with started(command, root / "ui.log", root, PYTHONPATH=str(ROOT), **environment) as process:
        address = f"http://127.0.0.1:{port}"
        wait_for(address, process, root / "ui.log")
        yield address, process


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL cluster of its own; gives the address of its database, user and password in it."""
    programs = postgres_programs()
    assert programs is not None
    data, port = folder / "data", free_port()
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if user:
        folder.chmod(0o777)
    (folder / "password").write_text("secret")
    (folder / "password").chmod(0o644)
    subprocess.run(
        [*user, programs / "initdb", "-D", data, "-U", "me", "-A", "scram-sha-256", f"--pwfile={folder / 'password'}"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    command = [*user, programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder]
    with started([str(part) for part in command], folder / "postgres.log"):
        ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        for _ in range(100):
            if subprocess.run(ready, check=False).returncode == 0:
                break
            time.sleep(0.1)
        yield f"postgresql://me:secret@127.0.0.1:{port}/postgres"


def postgres_programs() -> Path | None:
    """Where Debian puts PostgreSQL's programs, or wherever the path finds them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@contextmanager
def started(command: list[str], log: Path, cwd: Path | None = None, **given: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")} | given
    environment |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # starts sooner
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=cwd, env=environment, start_new_session=True
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if requests.get(f"{address}/health", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.2)
        assert process.poll() is None, log.read_text()
    raise AssertionError(f"{address} did not answer in {seconds} s: {log.read_text()}")
