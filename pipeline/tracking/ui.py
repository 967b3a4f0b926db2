"""MLflow's pages over the study's store, on this machine alone."""

from __future__ import annotations

import os
import socket
import sys

from pipeline import study
from pipeline.common.errors import UserError
from pipeline.common.paths import Paths
from pipeline.tracking.connect import SERVERS, one_writer, open_store, resolve
from pipeline.tracking.sync import sync
from pipeline.tracking.views import COMPARISON_VIEW

HOST = "127.0.0.1"


def serve(paths: Paths, port: int) -> None:
    """Show MLflow's pages, with the study in the store, until Ctrl-C; the address that it prints is the comparison.

    Made by MLflow's server itself, a store is spoilt where `track` or `watch` makes it at the same time. Raises
    UserError where the port is taken or a server shows the store already, TrackingError where it cannot be opened.
    """
    address = resolve(paths, None)
    if address.startswith(SERVERS):
        raise UserError(f"MLFLOW_TRACKING_URI names a server, which has pages of its own: open {address}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: an old connection may linger
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(
                f"--port {port}: {error.strerror} on {HOST}; stop what runs there or name another"
            ) from None
    if paths.evaluation.is_dir():
        experiment = sync(paths).experiment_id
    else:
        with one_writer(paths):
            experiment = open_store(paths, address, study.load(paths.params).study).experiment_id
    print(f"the comparison: http://{HOST}:{port}/#/experiments/{experiment}/runs?{COMPARISON_VIEW}")
    print(f"Ctrl-C stops MLflow; what it says is in {paths.store_log}", flush=True)
    log = os.open(paths.store_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log, stream.fileno())
    _run(address, paths, port)


def _run(address: str, paths: Paths, port: int) -> None:
    """MLflow's own application behind the guard, in this process: what it is told is on no command line."""
    hosts = {f"{HOST}:{port}", f"localhost:{port}"}
    os.environ |= {  # read when MLflow's server is imported; a setting of the user's may not open it wider
        "_MLFLOW_SERVER_FILE_STORE": address,  # these two as `mlflow ui` tells its own processes
        "_MLFLOW_SERVER_ARTIFACT_ROOT": paths.artifacts.resolve().as_uri(),
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(sorted(hosts)),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(f"http://{host}" for host in sorted(hosts)),
        "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "false",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    import uvicorn
    from mlflow.server.fastapi_app import app

    from pipeline.tracking.guard import Guard

    uvicorn.run(Guard(app, hosts), host=HOST, port=port, log_level="info")
