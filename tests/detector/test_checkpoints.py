"""Only a checkpoint that loads whole is ever resumed from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pipeline.detector.checkpoints import newest_valid, saved

WHOLE: dict[str, Any] = {"state_dict": {"w": torch.arange(1000.0)}, "optimizer": {}, "param_schedulers": []}


def write(folder: Path, *epochs: int, **changes: Any) -> None:
    for epoch in epochs:
        torch.save({**WHOLE, "meta": {"epoch": epoch}, **changes}, folder / f"epoch_{epoch}.pth")


def test_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "epoch_3.part").write_bytes(b"half")
    (tmp_path / "epoch_best.pth").write_bytes(b"")
    assert list(saved(tmp_path)) == []
    assert newest_valid(tmp_path) is None


def test_the_newest_by_number_not_by_name(tmp_path: Path) -> None:
    write(tmp_path, 9, 10)
    assert newest_valid(tmp_path) == (tmp_path / "epoch_10.pth", 10)


def test_a_broken_one_falls_back_to_the_one_before(tmp_path: Path, capsys: Any) -> None:
    write(tmp_path, 1, 2, 3)
    for number, content in ((2, b""), (3, (tmp_path / "epoch_3.pth").read_bytes()[:-200])):
        (tmp_path / f"epoch_{number}.pth").write_bytes(content)
    assert newest_valid(tmp_path) == (tmp_path / "epoch_1.pth", 1)
    said = capsys.readouterr().out
    assert "epoch_3.pth is broken" in said
    assert "epoch_2.pth is broken" in said


def test_one_without_its_optimizer_is_passed_over(tmp_path: Path, capsys: Any) -> None:
    write(tmp_path, 1)
    torch.save({"state_dict": {}, "meta": {"epoch": 2}}, tmp_path / "epoch_2.pth")
    assert newest_valid(tmp_path) == (tmp_path / "epoch_1.pth", 1)
    assert "parts are missing" in capsys.readouterr().out


def test_none_is_valid(tmp_path: Path) -> None:
    (tmp_path / "epoch_1.pth").write_bytes(b"not a checkpoint")
    torch.save([1, 2], tmp_path / "epoch_2.pth")
    assert newest_valid(tmp_path) is None
