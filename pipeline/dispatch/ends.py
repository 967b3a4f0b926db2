"""How the process or job of a cell ended, as its engine knows it; what became of the cell, its own files say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class How(Enum):
    EXITED = auto()  # by itself, with a code
    KILLED = auto()  # by a signal, or by the cluster: it may go on elsewhere
    CANCELLED = auto()  # by a person
    OUT_OF_MEMORY = auto()  # by the cluster, for what it took


@dataclass(frozen=True)
class End:
    """`signal` and `code` are a process's, `state` is the cluster's word for a job."""

    how: How
    signal: int | None = None
    code: int | None = None
    state: str | None = None

    def __str__(self) -> str:
        match self:
            case End(How.EXITED, code=int(code)):
                return f"ended with exit code {code}"
            case End(How.EXITED):
                return "its job ended"
            case End(How.KILLED, signal=int(number)):
                return f"killed by signal {number}"
            case End(How.KILLED):
                return f"killed ({self.state or 'its job is gone'})"
            case End(How.CANCELLED):
                return "its job was cancelled"
        return "its job ran out of memory: raise memory_gb in the cluster's settings"
