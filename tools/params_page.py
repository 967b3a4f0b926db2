"""docs/params.md, made from the models of pipeline/study: `make docs` writes it, tests/test_docs.py holds it current.

It is made of pydantic's JSON schema: what a key allows and its default are what the loader holds a file to, and what it
means is the string below it in the model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.common.files import write_text
from pipeline.study import Study

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "params.md"
INTRO = """# Every key of params.yaml

Made by `make docs` from the models in `pipeline/study`; a test holds it current. `python -m pipeline preset demo
--output mine.yaml` writes a file to start from. A key that is not here, or a value that is not allowed, is one error
that names it before anything runs. All sections but `cluster` and `sweep` must stand in the file, since `dvc.yaml`
names them; `tracking: {}` will do.

A change reruns the stages that read the section, and those behind them. A cell (a variant with one seed) trains again
only if its plan, the data or its seed changed: an option of one variant trains that variant's cells, `detector` and
`train` train all, `evaluation` and `tracking` none.
"""
TOP = "top level"
Schema = dict[str, Any]


@dataclass(frozen=True)
class Section:
    """One table: where it stands in the file, what it is, and its keys."""

    title: str
    text: str
    keys: dict[str, Schema]
    required: list[str]


def sections(schema: Schema) -> list[Section]:
    """Every model of the schema with the place of its keys, parents first."""
    definitions = schema.get("$defs", {})

    def walk(node: Schema, path: str) -> Iterator[Section]:
        for model, where in _models(node, path, definitions):
            keys = {name: key for name, key in model["properties"].items() if key.get("type") != "null"}
            yield Section(where or TOP, model.get("description", ""), keys, model.get("required", []))
            place = where.partition(",")[0]
            for name, key in keys.items():
                yield from walk(key, f"{place}.{name}" if place else name)

    return list(walk(schema, ""))


def _models(node: Schema, path: str, definitions: dict[str, Schema]) -> Iterator[tuple[Schema, str]]:
    """The models that a value may be or hold, each with its place: `variants.<name>`, `dataset, source: coco`."""
    if "$ref" in node:
        node = definitions[node["$ref"].rpartition("/")[2]]
    if "properties" in node:
        yield node, path
    for choice in node.get("anyOf", []):
        yield from _models(choice, path, definitions)
    for choice in node.get("oneOf", []):
        for model, where in _models(choice, path, definitions):
            key = node["discriminator"]["propertyName"]
            yield model, f"{where}, {key}: {model['properties'][key]['const']}"
    if isinstance(node.get("additionalProperties"), dict):
        yield from _models(node["additionalProperties"], f"{path}.<name>", definitions)
    if "items" in node:
        yield from _models(node["items"], f"{path}[]", definitions)


def undescribed(found: list[Section]) -> list[str]:
    """Keys without a word on what they are."""
    return [
        f"{section.title}: {name}" for section in found for name, key in section.keys.items() if not description(key)
    ]


def description(key: Schema) -> str:
    return re.sub(r"\s+", " ", key.get("description", ""))


def allowed(node: Schema) -> str:
    """What the loader takes, in words."""
    if "const" in node or "enum" in node:
        return ", ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    for several in ("anyOf", "oneOf"):
        if several in node:
            return ", or ".join(dict.fromkeys(allowed(choice) for choice in node[several]))
    if "$ref" in node:
        return "keys, see below"
    match node.get("type"):
        case "null":
            return "`null`"
        case "boolean":
            return "`true`, `false`"
        case "integer":
            return f"whole number{_bounds(node)}"
        case "number":
            return f"number{_bounds(node)}"
        case "string":
            return f"text matching `{node['pattern']}`" if "pattern" in node else "text"
        case "array" if "prefixItems" in node:
            return f"list of {len(node['prefixItems'])}: {allowed(node['prefixItems'][0])}"
        case "array":
            return f"list of: {allowed(node['items'])}" if node.get("items") else "list"
        case "object":
            names, values = node.get("propertyNames"), node.get("additionalProperties")
            held = allowed(values) if isinstance(values, dict) else "any value"
            return f"{allowed(names) if names else 'names'}, each with {held}"
    return "any value"


def _bounds(node: Schema) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return " and".join(f" {sign} {node[bound]:,}" for bound, sign in signs.items() if bound in node)


def default(name: str, key: Schema, section: Section) -> str:
    if name in section.required:
        return "required"
    value = key.get("default")
    if isinstance(value, dict) and value:
        return "as below"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def readers(top: str, stages: dict[str, Any]) -> str:
    """The stages of dvc.yaml that name a section."""
    names = [
        f"`{name}`"
        for name, stage in stages.items()
        if top in stage.get("params", []) or f"${{{top}}}" in stage.get("matrix", {}).values()
    ]
    return f"Read by {', '.join(names)}." if names else "No stage reads it: no result depends on it."


def page() -> str:
    """The whole page. Raises SystemExit naming the keys that nobody has described."""
    found = sections(Study.model_json_schema())
    if missing := undescribed(found):
        raise SystemExit("no description (a string below the key in its model): " + "; ".join(missing))
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    parts = [INTRO]
    said = {TOP}
    for section in found:
        top = re.split(r"[.,]", section.title)[0]
        text = section.text if top in said else f"{section.text} {readers(top, stages)}"
        said.add(top)
        rows = [
            f"| `{name}` | {_cell(allowed(key))} | {_cell(default(name, key, section))} | {_cell(description(key))} |"
            for name, key in section.keys.items()
        ]
        parts.append(f"## {heading(section.title)}\n\n{text}\n")
        parts.append("\n".join(["| key | allowed | default | what it is |", "|---|---|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def heading(title: str) -> str:
    return title if title == TOP else ", ".join(f"`{part}`" for part in title.split(", "))


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    write_text(PAGE, page())
