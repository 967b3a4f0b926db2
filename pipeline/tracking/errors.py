"""One clear message for whatever goes wrong with the store, without its password."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from pipeline.study import UserError

PASSWORD = re.compile(r"(://[^/@\s:]*):[^/@\s]*@")
HINTS = {
    "readonly": "the store is read-only: make it writable",
    "read-only": "the store is read-only: make it writable",
    "permission denied": "the store may not be written by this user",
    "is full": "the disk of the store is full: make room",
    "no space left": "the disk of the store is full: make room",
    "disk i/o error": "the disk of the store does not take the data: is it full?",
    "file too large": "the disk of the store does not take the data: is it full?",
    "unable to open": "the store's file cannot be opened: does its folder exist, may this user write there?",
    "locked": "another program holds the store: try again when it is done",
    "refused": "no server answers there: start it, or unset MLFLOW_TRACKING_URI",
    "timed out": "no server answers there: start it, or unset MLFLOW_TRACKING_URI",
    "name or service": "there is no such host: check MLFLOW_TRACKING_URI",
    "not a database": "the file is no MLflow store: move it away",
    "malformed": "the store is damaged: move it away, `track` makes it anew from the files",
}


class TrackingError(UserError):
    """The MLflow store cannot be brought up to date; the study's files are as they were."""


def redact(text: str) -> str:
    """`text` without the password of any address in it."""
    return PASSWORD.sub(r"\1:***@", text)


def refuse(uri: str, cause: object) -> TrackingError:
    """The error for `cause`: its first line, a hint where one is known, and what holds nevertheless."""
    full = str(cause)
    first = redact(next((line.strip() for line in full.splitlines() if line.strip()), type(cause).__name__))
    hint = next((hint for sign, hint in HINTS.items() if sign in full.lower()), None)
    return TrackingError(
        f"MLflow store {redact(uri)}: {hint or first[:300]}"
        + (f"\n  ({first[:300]})" if hint else "")
        + "\nThe study's files are untouched; `python -m pipeline track` brings the store up to date later."
    )


@contextmanager
def store_errors(uri: str) -> Iterator[None]:
    """Turn what MLflow, its database driver, the network and the disk raise into a TrackingError."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, requests.RequestException, sqlite3.Error, OSError) as error:
        raise refuse(uri, error) from error
