"""How things end that do not go well: each end its own type, so that none is told from another by its words."""

from __future__ import annotations

from pathlib import Path


class UserError(ValueError):
    """A mistake in the user's input: its message is all that the user is shown."""


class CellFailed(UserError):
    """The cell ended without a result; its FAILED file says why."""


class Diverged(RuntimeError):
    """The loss is no longer a number; training the same cell again would end the same way."""


class RankFailed(RuntimeError):
    """A process of a cell that has several failed; `reported` is the file in which it says why, if it could."""

    def __init__(self, message: str, reported: Path | None = None) -> None:
        super().__init__(message)
        self.reported = reported
