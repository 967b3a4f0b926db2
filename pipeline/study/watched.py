"""DVC must see a user's own module: its folder becomes one of the deps of the stage `plan`, whose digests follow it.

A stage's deps stand in dvc.yaml and cannot follow from params.yaml, so `plan` adds them itself, once for each folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ruamel.yaml import YAML

from pipeline.common.errors import UserError

DEPS = re.compile(r"(?ms)^  plan:\n.*?^    deps:\n")  # up to where the first dep of the stage stands


def watch(dvc_yaml: Path, files: Iterable[str]) -> list[str]:
    """Add what is missing for `files` (relative to the project's root) to the deps of `plan`; returns what was added.

    A file below a folder that is watched already needs nothing. Raises UserError where dvc.yaml has another form.
    """
    text = dvc_yaml.read_text(encoding="utf-8")
    known = YAML(typ="safe").load(text)["stages"]["plan"]["deps"]
    missing: list[str] = []
    for file in sorted(files):
        if not any(_below(file, dep) for dep in (*known, *missing)):
            folder = PurePosixPath(file).parent.as_posix()
            missing.append(file if folder == "." else folder)
    if not missing:
        return []
    deps = DEPS.search(text)
    if deps is None:
        raise UserError(f"{dvc_yaml}: add to the deps of the stage `plan`, one a line: {', '.join(missing)}")
    lines = "".join(f"      - {dep}\n" for dep in missing)
    dvc_yaml.write_text(text[: deps.end()] + lines + text[deps.end() :], encoding="utf-8")
    return missing


def _below(file: str, dep: str) -> bool:
    return PurePosixPath(file).is_relative_to(dep)
