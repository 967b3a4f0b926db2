"""A cell's history: what is written is read, anything else is named by its line."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from pipeline.common.errors import UserError
from pipeline.records.history import HEADER, Reading, read, reading

HEAD = ",".join(HEADER)
WAY_OUT = "do this"


def test_rows_are_read_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text(f"{HEAD}\n1,5,1700000000.250,loss,2.5\n2,10,1700000001.000,grad_norm,nan\n")
    first, second = read(path, WAY_OUT)
    assert first == Reading(1, 5, 1700000000.25, "loss", 2.5)
    assert second.metric == "grad_norm"
    assert math.isnan(second.value)


@pytest.mark.parametrize(
    "line",
    ["", "1,5,1.0,loss", "1,5,1.0,loss,2.5,3", "1,x,1.0,loss,2.5", "1,-5,1.0,loss,2.5", "1,5,nan,loss,2.5",
     "1,5,1e300,loss,2.5", "1,5,1.0,,2.5", f"1,{10**30},1.0,loss,2.5", HEAD],
)  # fmt: skip
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str) -> None:
    assert reading(line) is None
    path = tmp_path / "history.csv"
    path.write_text(f"{HEAD}\n1,4,1.0,loss,2.5\n{line}\n")
    with pytest.raises(UserError, match=rf"history\.csv: line 3 is .*expected {HEAD}; {WAY_OUT}"):
        list(read(path, WAY_OUT))


def test_a_file_without_header_or_no_file(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    with pytest.raises(UserError, match=f"no such file; {WAY_OUT}"):
        list(read(path, WAY_OUT))
    path.write_bytes(b"1,5,1.0,loss,\xff\n")
    with pytest.raises(UserError, match="line 1 is"):
        list(read(path, WAY_OUT))
