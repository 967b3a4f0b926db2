"""`python -m pipeline sweep`: the section `sweep` of params.yaml, added to and written out into variants."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from pipeline import attention
from pipeline.common.errors import UserError
from pipeline.common.files import write_text
from pipeline.common.paths import Paths
from pipeline.study import load
from pipeline.study.params import Study, validate
from pipeline.study.sweep import parse, variants


def sweep(paths: Paths, module: str | None, words: Sequence[str]) -> None:
    """Write out all sweeps, that of `module` with the values in `words` first. Comments and other lines stay.

    Values are added to those that a sweep of the module has. Raises UserError, and leaves the file as it is, where a
    variant of the same name says something else or the result is no valid study.
    """
    load(paths.params)
    yaml = YAML()
    yaml.width = 120
    data = yaml.load(paths.params.read_text(encoding="utf-8"))
    if module is not None:
        attention.known(module)
        values = parse(words)
        if not values:
            raise UserError(f"sweep {module}: no option is given; e.g. `sweep {module} reduction=4,8,16`")
        _add(data.setdefault("sweep", CommentedMap()), module, values)
    if not data.get("sweep"):
        raise UserError(f"{paths.params}: no section `sweep`; `python -m pipeline sweep se reduction=4,8,16` makes one")
    added = []
    for swept, values in data["sweep"].items():
        for name, variant in variants(swept, values):
            if name not in data["variants"]:
                data["variants"][name] = _flow(variant)
                added.append(name)
            elif data["variants"][name] != variant:
                raise UserError(f"{paths.params}: variants.{name} is not what the sweep says; rename or remove it")
    validate(data, paths.params, Study)
    text = io.StringIO()
    yaml.dump(data, text)
    write_text(paths.params, text.getvalue())
    cells = len(added) * len(data["seeds"])
    print(
        f"{paths.params}: {len(added)} new variants, {cells} cells to train" + "".join(f"\n  {name}" for name in added)
    )


def _add(section: Any, module: str, values: dict[str, list[Any]]) -> None:
    known = section.setdefault(module, CommentedMap())
    for key, wanted in values.items():
        known[key] = _flow([*known.get(key, []), *(value for value in wanted if value not in known.get(key, []))])


def _flow(value: Any) -> Any:
    """In one line, as params.yaml is written by hand."""
    text = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = True
    yaml.width = 4096
    yaml.dump(value, text)
    return YAML().load(text.getvalue())
