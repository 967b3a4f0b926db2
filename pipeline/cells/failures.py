"""Why a cell failed, in words for its FAILED file: what kind it is, and what to do about it."""

from __future__ import annotations

import errno
import shutil
import time

from pipeline.common.errors import Diverged, RankFailed, UserError
from pipeline.common.paths import CellPaths
from pipeline.records import Failure
from pipeline.records.cell import FailureKind

HINTS: dict[FailureKind, str] = {
    "memory": "; use a smaller train.batch_size or image_size, fewer cells at once (`dispatch --jobs`), "
    "or precision fp16 on a GPU",
    "disk": "; free some space and run again, the cell goes on from its last checkpoint",
}
FULL = 2**20  # bytes free below which a failed write is put down to the disk
TAIL = 20  # lines of the log that a failure keeps


def describe(error: Exception, cell: CellPaths) -> Failure:
    """The content of FAILED: kind, reason in one line with its remedy, and the tail of the log."""
    if isinstance(error, RankFailed) and error.reported:
        return Failure.read(error.reported)
    kind = kind_of(error, cell)
    text = " ".join(str(error).split()) or type(error).__name__
    reason = (text if isinstance(error, UserError) else f"{type(error).__name__}: {text}")[:500] + HINTS.get(kind, "")
    return Failure(kind=kind, reason=reason, tail=_tail(cell), time=time.time())


def kind_of(error: Exception, cell: CellPaths) -> FailureKind:
    if "out of memory" in str(error).lower() or "can't allocate memory" in str(error) or isinstance(error, MemoryError):
        return "memory"
    if getattr(error, "errno", None) == errno.ENOSPC or _writing_failed(error, cell):
        return "disk"
    if isinstance(error, Diverged):
        return "diverged"
    return "input" if isinstance(error, UserError) else "exception"


def _writing_failed(error: Exception, cell: CellPaths) -> bool:
    """torch says neither errno nor why when a checkpoint cannot be written."""
    return "PytorchStreamWriter" in str(error) or (
        isinstance(error, RuntimeError | OSError) and shutil.disk_usage(cell.folder).free < FULL
    )


def _tail(cell: CellPaths) -> list[str]:
    log = cell.log
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:] if log.exists() else []
