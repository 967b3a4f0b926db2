"""Checkpoints that survive a kill: written whole or not at all, two kept, a broken one never loaded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

NAME = re.compile(r"epoch_(\d+)\.pth")


@HOOKS.register_module()
class WholeCheckpoints(Hook):
    """After each epoch `epoch_N.pth` in the work folder; MMEngine's own hook deletes the old one first."""

    priority = "VERY_LOW"  # after the schedulers have stepped

    def __init__(self, keep: int = 2) -> None:
        self.keep = keep

    def after_train_epoch(self, runner: Runner) -> None:
        if runner.rank != 0:
            return
        folder = Path(runner.work_dir)
        final = folder / f"epoch_{runner.epoch + 1}.pth"
        part = final.with_suffix(".part")
        try:
            runner.save_checkpoint(str(folder), part.name, by_epoch=True)
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.replace(final)
        finally:  # what a full disk left of it would keep it full
            part.unlink(missing_ok=True)
        for old in list(saved(folder))[self.keep :]:
            old.unlink()


def saved(folder: Path) -> Iterator[Path]:
    """The checkpoints of a work folder, newest first."""
    found = [(int(match[1]), path) for path in folder.glob("epoch_*.pth") if (match := NAME.fullmatch(path.name))]
    return (path for _, path in sorted(found, reverse=True))


def newest_valid(folder: Path) -> tuple[Path, int] | None:
    """The newest checkpoint that loads, with its epoch; None if there is none.

    A broken one is passed over with a line in the log and deleted by the next epochs as usual.
    """
    for path in saved(folder):
        try:
            content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=False)
            if {"meta", "state_dict", "optimizer", "param_schedulers"} <= content.keys():
                return path, int(content["meta"]["epoch"])
            reason = "parts are missing"
        except Exception as error:  # a truncated file fails in many ways, all of which mean: not this one
            reason = f"{type(error).__name__}: {error}"
        print(f"checkpoint {path.name} is broken and passed over ({reason})", flush=True)
    return None
