"""A record comes back as it was written; a file that is not one is named with the key that is wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.common.errors import UserError
from pipeline.records import Card, Manifest, Plan, Record, Run
from tests import made

RECORDS = [made.plan(), made.manifest(), made.run(), made.heartbeat(), made.failure(), made.identity()]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_and_equal_records_are_equal_bytes(record: Record, tmp_path: Path) -> None:
    path, again = tmp_path / "a.json", tmp_path / "b.json"
    record.write(path)
    assert type(record).read(path) == record
    type(record).read(path).write(again)
    assert path.read_bytes() == again.read_bytes()
    assert json.loads(path.read_text())["schema"] == 1


def changed(tmp_path: Path, **changes: Any) -> Path:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**made.run().to_dict(), **changes}))
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": 2}, r"run\.json: schema 2; this version reads schema 1"),
        ({"schema": None}, r"run\.json: schema None"),
        ({"epochs": "many"}, r"run\.json: epochs: .*valid integer.*\(value 'many'\)"),
        ({"seconds": float("nan")}, r"run\.json: seconds: .*finite"),
        ({"versions": {"torch": 2}}, r"run\.json: versions\.torch: .*valid string.*\(value 2\)"),
        ({"noise": 1}, r"run\.json: noise: Extra inputs are not permitted"),
        ({"state": "lost"}, r"run\.json: state: .*'done'.*\(value 'lost'\)"),
        ({"hardware": {"x": "y" * 500}}, r"run\.json: hardware: .{,200}$"),
    ],
)
def test_an_edited_file_is_named_with_its_key(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        Run.read(changed(tmp_path, **changes))


def test_a_key_that_is_missing_is_named(tmp_path: Path) -> None:
    content = made.run().to_dict()
    del content["epochs"]
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"run\.json: epochs: this key is missing; `dvc repro` of its cell writes it"):
        Run.read(tmp_path / "run.json")


# No clock in the names of tests (mtime): the processes of one run must collect the same.
CONTENTS = [b"", b"{", b"[1, 2]", b"\xff\xfe", b"null", gzip.compress(b"{}", mtime=0)]


@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_no_record_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"manifest\.json: .*; `dvc repro prepare` writes it"):
        Manifest.read(path)


def test_a_file_that_is_missing_is_an_error_or_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"card\.json: no such file; `dvc repro prepare` writes it"):
        Card.read(tmp_path / "card.json")
    assert Card.read_if_there(tmp_path / "card.json") is None


def test_a_record_never_changes() -> None:
    with pytest.raises(ValueError, match="frozen"):
        made.plan().variant = "other"
    assert made.plan().resources.threads == 1
    assert isinstance(made.plan(), Plan)
