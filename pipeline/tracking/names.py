"""How the study's names and values become MLflow's: one rule for names, one for nested settings.

MLflow 3.17 takes letters, digits and `_ . : / - space` in a name, 250 characters at most, and no name
that is an odd path (`a//b`, `../a`). It takes 6,000 characters in a parameter and 8,000 in a tag.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from pipeline.common import nested

REFUSED = re.compile(r"[^\w.\-: /]")
ODD_PART = re.compile(r"^(\.*$|\.\.)")  # an empty part, one of dots alone, one that starts with two
NAME_LIMIT = 200
PARAM_LIMIT = 6000
TAG_LIMIT = 8000


def mlflow_name(name: str) -> str:
    """`name` where MLflow accepts it; otherwise readable, accepted, and never equal to another's.

    The rule: each refused character becomes `_`, so does an odd path part, the rest is cut at 200
    characters, and `-` with 8 hex digits of the sha256 of the original follows.
    """
    safe = "/".join(ODD_PART.sub("_", part) for part in REFUSED.sub("_", name).split("/"))
    if safe == name and len(name) <= NAME_LIMIT:
        return name
    return f"{safe[:NAME_LIMIT]}-{_hash(name)}"


def flatten(settings: Any, prefix: str = "") -> dict[str, str]:
    """Nested settings as {path: value}: `{"a": {"b": 1}}` is `{"a.b": "1"}`.

    A leaf that is text stays as it is, the rest is JSON. One above MLflow's limit is cut and ends with a hash of the
    whole.
    """
    return {mlflow_name(p): clip(_text(leaf), PARAM_LIMIT) for p, leaf in nested.flatten(settings, prefix).items()}


def clip(text: str, limit: int) -> str:
    """`text`, or its start and a hash of the whole where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    end = f" ... sha256 {_hash(text)}"
    return text[: limit - len(end)] + end


def _text(leaf: Any) -> str:
    return leaf if isinstance(leaf, str) and leaf else json.dumps(leaf, sort_keys=True, ensure_ascii=False)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]
