"""Only a checkpoint that loads whole is ever resumed from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pipeline.detector.checkpoints import newest_valid, saved

WHOLE: dict[str, Any] = {
    "state_dict": {"w": torch.arange(1000.0)}, "optimizer": {}, "param_schedulers": [], "message_hub": {},
}  # fmt: skip


def write(folder: Path, *epochs: int, **changes: Any) -> None:
    for epoch in epochs:
        torch.save({**WHOLE, "meta": {"epoch": epoch, "iter": 2 * epoch}, **changes}, folder / f"epoch_{epoch}.pth")


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


def test_one_bit_changed_by_a_bad_disk(tmp_path: Path, capsys: Any) -> None:
    """torch reads such a file without a word: it does not look at an archive's checksums."""
    write(tmp_path, 1, 2)
    path = tmp_path / "epoch_2.pth"
    content = bytearray(path.read_bytes())
    content[content.index(torch.tensor(500.0).numpy().tobytes())] ^= 1
    path.write_bytes(content)
    assert torch.load(path, weights_only=True)["state_dict"]["w"][500] != 500
    assert newest_valid(tmp_path) == (tmp_path / "epoch_1.pth", 1)
    assert "epoch_2.pth: damaged, the checksum of" in capsys.readouterr().out


def test_one_without_its_optimizer_is_passed_over(tmp_path: Path, capsys: Any) -> None:
    write(tmp_path, 1)
    torch.save({"state_dict": {}, "meta": {"epoch": 2}}, tmp_path / "epoch_2.pth")
    assert newest_valid(tmp_path) == (tmp_path / "epoch_1.pth", 1)
    assert "parts are missing" in capsys.readouterr().out


def test_none_is_valid(tmp_path: Path) -> None:
    (tmp_path / "epoch_1.pth").write_bytes(b"not a checkpoint")
    torch.save([1, 2], tmp_path / "epoch_2.pth")
    assert newest_valid(tmp_path) is None
