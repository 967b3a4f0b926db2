"""From an address to an open store: one writer at a time, short waits, and one clear message if it fails."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import requests
import sqlalchemy
from alembic.script import ScriptDirectory
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipeline.common.paths import Paths
from pipeline.tracking.errors import HALF_MADE, redact, refuse, store_errors
from pipeline.tracking.store import Store
from pipeline.tracking.views import experiment_tags

LOCK_SECONDS = 600  # a first sync of a large study takes about a minute
CONNECT_SECONDS = 5
SERVERS, DATABASES = ("http://", "https://"), ("sqlite:", "postgresql", "mysql", "mssql")
SETTINGS = {  # MLflow's defaults wait for minutes on a server that is not there, and talk; the user's own win
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
NOTE = """Made by `python -m pipeline track` from the files of a study; the files are the truth.

One run is the study, one a variant (mean, sd, delta, ci_lo, ci_hi, verdict), and under each variant one a cell.
The menu Views holds the comparison of the variants and the cells; both hide what was superseded."""


def resolve(paths: Paths, uri: str | None) -> str:
    """The address given, else MLFLOW_TRACKING_URI, else the study's own store."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or _own(paths)


def shown(paths: Paths, uri: str) -> str:
    """An address for receipts and messages: no password, no absolute path of this machine."""
    return redact(uri).replace(f"{paths.root.resolve()}/", "")


@contextmanager
def one_writer(paths: Paths) -> Iterator[None]:
    """Only one program writes for a study at a time: MLflow's sqlite store does not bear two first ones."""
    lock = FileLock(paths.store_lock, timeout=LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        name = paths.store_lock.name
        raise refuse(paths.store.name, f"another `track` has held {name} for {LOCK_SECONDS} s") from None
    except OSError as error:
        raise refuse(paths.store.name, error) from error
    try:
        yield
    finally:
        lock.release()


def open_store(paths: Paths, uri: str, study: str) -> Store:
    """The store of the experiment named `study`, made where it is missing. Raises TrackingError within seconds."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # what it logs as an error, we raise
    if not uri.startswith((*SERVERS, *DATABASES)):
        raise refuse(
            shown(paths, uri), f"no MLflow address; allowed: {', '.join((*SERVERS, *DATABASES))} and what follows"
        )
    with store_errors(shown(paths, uri)):
        is_server = uri.startswith(SERVERS)
        _reach_server(uri) if is_server else _check_database(paths, uri)
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        location = None if is_server else paths.artifacts.resolve().as_uri()
        return Store(client, _experiment(client, paths, study, location))


def _experiment(client: MlflowClient, paths: Paths, study: str, location: str | None) -> str:
    found = client.get_experiment_by_name(study)
    if found is None:
        try:
            client.create_experiment(study, location)
        except MlflowException as error:  # another machine was first
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        found = client.get_experiment_by_name(study)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if location and found.artifact_location != location and client.tracking_uri == _own(paths):
        raise refuse(paths.store.name, "the project was moved since: delete it, `track` makes it anew from the files")
    for name, value in experiment_tags(NOTE).items():
        if found.tags.get(name) != value:
            client.set_experiment_tag(found.experiment_id, name, value)
    return str(found.experiment_id)


def _own(paths: Paths) -> str:
    """The address of the study's own file, which no other study shares."""
    return f"sqlite:///{paths.store.resolve()}"


def _reach_server(uri: str) -> None:
    requests.get(f"{uri.rstrip('/')}/health", timeout=CONNECT_SECONDS)


def _check_database(paths: Paths, uri: str) -> None:
    """MLflow retries a database that does not open for minutes, and calls a newer one out of date: look first."""
    url = sqlalchemy.make_url(uri)
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and not Path(url.database or "").exists():
        return
    engine = sqlalchemy.create_engine(uri, connect_args={"timeout" if sqlite else "connect_timeout": CONNECT_SECONDS})
    try:
        with engine.connect() as connection:
            inspector = sqlalchemy.inspect(connection)
            if not inspector.has_table("alembic_version"):
                return
            if any(name.startswith("_alembic_tmp_") for name in inspector.get_table_names()):
                raise refuse(shown(paths, uri), HALF_MADE)
            revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    finally:
        engine.dispose()
    _check_revision(shown(paths, uri), revision)


def _check_revision(uri: str, revision: str | None) -> None:
    scripts = ScriptDirectory(str(Path(mlflow.__file__).parent / "store/db_migrations"))
    if revision in {script.revision for script in scripts.walk_revisions()} - {scripts.get_current_head()}:
        raise refuse(uri, f"made by an older MLflow than {mlflow.__version__}: back it up, then `mlflow db upgrade`")
    if revision != scripts.get_current_head():
        raise refuse(
            uri,
            f"written by a newer MLflow than {mlflow.__version__} (schema {revision}): install that version, "
            "or move the store away and `track` makes it anew from the files",
        )
