"""Writing whole files, and bytes that depend on content alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline.common import files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"x": 1})
    with pytest.raises(ValueError, match="nan"):
        files.write_json(path, {"x": float("nan")})
    assert files.read_json(path) == {"x": 1}
    assert [child.name for child in tmp_path.iterdir()] == ["a.json"]


def test_equal_values_are_equal_bytes_also_zipped_and_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_json_gz(tmp_path / "a.json.gz", [1, {"b": 2}])
    later = time.time() + 5  # gzip's own timestamp counts in seconds
    monkeypatch.setattr(time, "time", lambda: later)
    files.write_json_gz(tmp_path / "b.json.gz", [1, {"b": 2}])
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()
    assert files.read_json(tmp_path / "a.json.gz") == [1, {"b": 2}]


def test_a_digest_knows_no_order_of_keys() -> None:
    assert files.digest({"a": 1, "b": [2]}) == files.digest({"b": [2], "a": 1}) != files.digest({"a": 1, "b": [3]})
