"""Mistakes are gathered and shown ten at a time: a user should not need ten runs to hear of ten."""

from __future__ import annotations

from pipeline.common.errors import UserError

SHOWN = 10


class Mistakes:
    """Lines for the user, each naming file, record, value and what is allowed."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def add(self, line: str) -> None:
        self.count += 1
        if self.count <= SHOWN:
            self.lines.append(line)

    def refuse(self, advice: str = "") -> None:
        """Raise UserError if there was any: the first ten, how many more there are, and what to do."""
        if self.count:
            more = [f"... and {self.count - SHOWN:,} more"] if self.count > SHOWN else []
            raise UserError("\n".join([*self.lines, *more, *([advice] if advice else [])]))
