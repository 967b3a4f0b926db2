"""A history that grows, read in pieces."""

from __future__ import annotations

from pathlib import Path

from pipeline.common.files import write_text
from pipeline.tracking.live import LiveCurve

HEADER = "epoch,step,time,metric,value\n"


def row(step: int, value: float = 0.5) -> str:
    return f"1,{step},{100 + step}.000,loss,{value}\n"


def look(curve: LiveCurve) -> tuple[list[int], bool]:
    points, anew = curve.look()
    return [point.step for point in points], anew


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_a_look_reads_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    curve = LiveCurve(path)
    assert look(curve) == ([], False)  # no file yet
    append(path, HEADER[:5])
    assert look(curve) == ([], True)
    append(path, HEADER[5:] + row(1) + row(2)[:7])
    assert look(curve) == ([1], False)
    append(path, row(2)[7:])
    assert look(curve) == ([2], False)
    assert look(curve) == ([], False)
    assert len(curve.identities) == 2


def test_a_file_put_in_its_place_is_read_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    curve = LiveCurve(path)
    write_text(path, HEADER + row(1) + row(2))
    assert look(curve) == ([1, 2], True)
    write_text(path, HEADER + row(1) + row(2, 0.7) + row(3))  # cut to step 1, and longer again since
    assert look(curve) == ([1, 2, 3], True)
    assert {value for _, value, _, _ in curve.identities} == {"0.5", "0.7"}
    path.write_text(HEADER + row(1))  # the same file, shorter
    assert look(curve) == ([1], True)
    assert len(curve.identities) == 1
