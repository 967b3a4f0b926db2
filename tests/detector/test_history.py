"""Curves and heartbeat: whole lines, no repeated iteration, a time left that follows the pace."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.detector.history import Pace, append, cut_after, line

ROWS = [(1, 1, "10.000", "loss", "2.5"), (1, 2, "11.000", "loss", "2.25"), (2, 3, "12.000", "loss", "2.0")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    append(tmp_path / "history.csv", ROWS)
    return tmp_path / "history.csv"


def test_the_header_comes_once(path: Path) -> None:
    append(path, [(2, 4, "13.000", "lr", "0.1")])
    assert path.read_text() == (
        "epoch,step,time,metric,value\n1,1,10.000,loss,2.5\n1,2,11.000,loss,2.25\n2,3,12.000,loss,2.0\n"
        "2,4,13.000,lr,0.1\n"
    )


@pytest.mark.parametrize(("step", "left"), [(0, 0), (2, 2), (3, 3), (9, 3)])
def test_rows_past_the_checkpoint_are_cut(path: Path, step: int, left: int) -> None:
    cut_after(path, step)
    assert path.read_text().splitlines() == [
        "epoch,step,time,metric,value",
        *(",".join(map(str, row)) for row in ROWS[:left]),
    ]


@pytest.mark.parametrize("rest", ["2,4", "2,4,13.0,loss,1.", "2,", "\n", "2,4,13.0\n"])
def test_a_line_that_a_kill_left_unfinished_is_cut(path: Path, rest: str) -> None:
    before = path.read_text()
    path.write_text(before + rest)
    cut_after(path, 9)
    assert path.read_text() == before


def test_no_history_yet(tmp_path: Path) -> None:
    cut_after(tmp_path / "history.csv", 3)
    assert not (tmp_path / "history.csv").exists()


def test_time_left_is_the_pace_since_this_process_began(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    progress = Pace(epochs=4, steps=100, first=40, before=7)  # resumed at step 40
    clock[0] += 30
    beat = progress.beat(3, 60, 1.5)
    assert beat.elapsed == 37.0
    assert beat.eta_seconds == 60.0  # 20 steps took 30 s, 40 are left
    assert (beat.state, beat.epoch, beat.step, beat.loss) == ("running", 3, 60, 1.5)
    assert line(beat) == "  epoch 3/4  loss 1.500  1m 00s left"
    assert line(progress.beat(3, 60, None)) == "  epoch 3/4  loss -  1m 00s left"
