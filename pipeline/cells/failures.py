"""Why a cell failed, in words for its FAILED file: what kind it is, and what to do about it."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any, Literal

from pipeline.common.errors import Diverged, UserError

Kind = Literal["memory", "disk", "diverged", "input", "exception"]
HINTS: dict[str, str] = {
    "memory": "; use a smaller train.batch_size or image_size, fewer cells at once (`dispatch --jobs`), "
    "or precision fp16 on a GPU",
    "disk": "; free some space and run again, the cell goes on from its last checkpoint",
}
FULL = 2**20  # bytes free below which a failed write is put down to the disk
TAIL = 20  # lines of the log that a failure keeps


def describe(error: Exception, folder: Path) -> dict[str, Any]:
    """The content of FAILED: kind, reason in one line with its remedy, and the tail of the log."""
    known = getattr(error, "failure", None)  # a rank's own description
    kind: Kind = known["kind"] if known else kind_of(error, folder)
    text = " ".join(str(error).split()) or type(error).__name__
    reason = known["reason"] if known else _in_words(error, text) + HINTS.get(kind, "")
    return {"kind": kind, "reason": reason, "tail": _tail(folder)}


def kind_of(error: Exception, folder: Path) -> Kind:
    if "out of memory" in str(error).lower() or "can't allocate memory" in str(error) or isinstance(error, MemoryError):
        return "memory"
    if getattr(error, "errno", None) == errno.ENOSPC or _writing_failed(error, folder):
        return "disk"
    if isinstance(error, Diverged):
        return "diverged"
    return "input" if isinstance(error, UserError) else "exception"


def _writing_failed(error: Exception, folder: Path) -> bool:
    """torch says neither errno nor why when a checkpoint cannot be written."""
    return "PytorchStreamWriter" in str(error) or (
        isinstance(error, RuntimeError | OSError) and shutil.disk_usage(folder).free < FULL
    )


def _in_words(error: Exception, text: str) -> str:
    return (text if isinstance(error, UserError) else f"{type(error).__name__}: {text}")[:500]


def _tail(folder: Path) -> list[str]:
    log = folder / "train.log"
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:] if log.exists() else []
