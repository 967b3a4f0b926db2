"""A plan's config may name modules that register what it uses (`custom_imports`): each process imports them itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.utils import import_modules_from_strings


def import_named(config: Mapping[str, Any]) -> None:
    """Import the modules that a resolved config names. MMEngine does that for configs read from a file alone.

    Raises ImportError for one that is not there.
    """
    import_modules_from_strings((config.get("custom_imports") or {}).get("imports"))
