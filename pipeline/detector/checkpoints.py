"""Checkpoints that survive a kill: written whole or not at all, two kept, a broken one never loaded.

They hold tensors, numbers and text alone, so that resuming needs no pickle of foreign types.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from pipeline.common.errors import UserError
from pipeline.common.files import part_of
from pipeline.detector import tensors
from pipeline.detector.tensors import Foreign

NAME = re.compile(r"epoch_(\d+)\.pth")
PARTS = {"meta", "state_dict", "optimizer", "param_schedulers", "message_hub"}


@HOOKS.register_module()
class AtomicCheckpointHook(Hook):
    """After each epoch `epoch_N.pth` in the work folder; MMEngine's own hook deletes the old one first.

    A loop that counts iterations has one epoch alone: there it is after each pass over the images.
    """

    priority = "VERY_LOW"  # after the schedulers have stepped

    def __init__(self, keep: int = 2) -> None:
        self.keep = keep

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Leave out MMEngine's message hub: objects of its own, whose past values only smooth lines of the log."""
        checkpoint["message_hub"] = {"log_scalars": {}, "runtime_info": {}, "resumed_keys": {}}

    def after_train_epoch(self, runner: Runner) -> None:
        if not isinstance(runner.train_loop, IterBasedTrainLoop):
            self._save(runner, runner.epoch + 1, by_epoch=True)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        passes, rest = divmod(runner.iter + 1, len(runner.train_dataloader))
        if isinstance(runner.train_loop, IterBasedTrainLoop) and not rest:
            self._save(runner, passes, by_epoch=False)

    def _save(self, runner: Runner, number: int, by_epoch: bool) -> None:
        if runner.rank != 0:
            return
        folder = Path(runner.work_dir)
        final = folder / f"epoch_{number}.pth"
        part = part_of(final)
        try:
            runner.save_checkpoint(str(folder), part.name, by_epoch=by_epoch)
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.replace(final)
        finally:  # what a full disk left of it would keep it full
            part.unlink(missing_ok=True)
        for old in list(saved(folder))[self.keep :]:
            old.unlink()


def saved(folder: Path) -> Iterator[Path]:
    """The checkpoints of a work folder, newest first."""
    found = [path for path in folder.glob("epoch_*.pth") if NAME.fullmatch(path.name)]
    return iter(sorted(found, key=_number, reverse=True))


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("epoch_"))


def newest_valid(folder: Path) -> tuple[Path, int] | None:
    """The newest checkpoint that loads, with its epoch (its pass, in a loop of iterations); None if there is none.

    A damaged one is passed over with a line in the log and deleted by the next epochs as usual. Raises Foreign for one
    that this project cannot have written: it would run a program.
    """
    for path in saved(folder):
        try:
            content = tensors.read(path)
        except Foreign as error:
            raise Foreign(f"{error}, or delete the file to go on without it") from None
        except UserError as error:
            reason = str(error)
        else:
            if _is_whole(content):
                return path, _number(path)
            reason = f"{path}: parts are missing"
        print(f"checkpoint {path.name} is broken and passed over ({reason})", flush=True)
    return None


def _is_whole(content: Mapping[str, Any]) -> bool:
    """Whether a checkpoint has all that resuming needs."""
    meta = content.get("meta")
    if not content.keys() >= PARTS or not isinstance(meta, dict):
        return False
    return isinstance(meta.get("epoch"), int) and isinstance(meta.get("iter"), int)
