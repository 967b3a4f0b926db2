"""What this machine has to give."""

from __future__ import annotations

import os


def cores() -> int:
    """Cores that this process may use, as a scheduler hands them out; macOS does not say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
