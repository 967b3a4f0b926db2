"""One clear message for whatever goes wrong with the store, without its password."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from alembic.util import CommandError
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from pipeline.common.errors import UserError

PASSWORD = re.compile(r"(://[^/@\s:]*):[^/@\s]*@")
HALF_MADE = (
    "two programs made the store at once and left half of it: move it away, `track` makes it anew from the files"
)
HINTS = {  # a sign in the error, in lower case -> what it means and what to do
    "readonly database": "the store is read-only: make it writable",
    "read-only file system": "the store is read-only: make it writable",
    "permission denied": "the store may not be written by this user",
    "is full": "the disk of the store is full: make room",
    "no space left": "the disk of the store is full: make room",
    "disk i/o error": "the disk of the store does not take the data: is it full?",
    "file too large": "the disk of the store does not take the data: is it full?",
    "unable to open": "the store's file cannot be opened: does its folder exist, may this user write there?",
    "is locked": "another program holds the store: try again when it is done",
    "connection refused": "no server answers there: start it, or unset MLFLOW_TRACKING_URI",
    "timed out": "no server answers there: start it, or unset MLFLOW_TRACKING_URI",
    "failed to resolve": "there is no such host: check MLFLOW_TRACKING_URI",
    "error code 404": "what answers there is no MLflow server: check MLFLOW_TRACKING_URI",
    "error code 401": "the server wants a user: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    "error code 403": "the server does not let this user write",
    "not a database": "the file is no MLflow store: move it away",
    "malformed": "the store is damaged: move it away, `track` makes it anew from the files",
    "_alembic_tmp_": HALF_MADE,
    "expected to match one row": HALF_MADE,
    "no module named": "this kind of store needs a Python package that is not installed",
}
KNOWN = (
    MlflowException, SQLAlchemyError, CommandError, requests.RequestException, sqlite3.Error, OSError, ImportError
)  # fmt: skip


class TrackingError(UserError):
    """The MLflow store cannot be brought up to date; the study's files are as they were."""


def redact(text: str) -> str:
    """`text` without the password of any address in it."""
    return PASSWORD.sub(r"\1:***@", text)


def refuse(uri: str, cause: object) -> TrackingError:
    """The error for `cause`: what it means where that is known, else its first line; and what holds nevertheless."""
    text = redact(str(cause) or type(cause).__name__)
    sign = next((sign for sign in HINTS if sign in text.lower()), None)
    line = text.strip().splitlines()[0][:300]
    if sign == "no module named":
        line = f"{HINTS[sign]} ({line})"
    elif sign:
        line = f"{HINTS[sign]} ({sign})"
    return TrackingError(
        f"MLflow store {redact(uri)}: {line}\n"
        "The study's files are untouched; `python -m pipeline track` brings the store up to date later."
    )


@contextmanager
def store_errors(uri: str) -> Iterator[None]:
    """Turn what MLflow, its database driver, the network and the disk raise into a TrackingError."""
    try:
        yield
    except KNOWN as error:
        raise refuse(uri, error) from error
