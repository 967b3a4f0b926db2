"""The tables of docs/detectors.md, between their marks; the words around them are written by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- {}: made by benchmarks.zoo -->", "<!-- end of {} -->"
Records = Sequence[Mapping[str, Any]]


def write_tables(page: Path, configs: Records, kinds: Records, shipped: int) -> None:
    text = page.read_text(encoding="utf-8")
    for name, table in (
        ("summary", summary(configs, shipped)),
        ("detectors", detectors(configs)),
        ("trained", trained(kinds)),
        ("refused", refused(configs)),
    ):
        begin, end = BEGIN.format(name), END.format(name)
        head, rest = text.split(begin)
        text = f"{head}{begin}\n{table}\n{end}{rest.split(end)[1]}"
    page.write_text(text, encoding="utf-8")


def works(record: Mapping[str, Any]) -> bool:
    """Resolved and built under both recipes, with one of the three places, and no other key changed."""
    recipes = record["recipes"].values()
    return (
        bool(recipes)
        and all("error" not in recipe and not recipe.get("lost") for recipe in recipes)
        and bool(record.get("kept"))
        and all(record["kept"].values())
    )


def summary(configs: Records, shipped: int) -> str:
    tried = [record for record in configs if not record["refused"]]
    good = sum(works(record) for record in tried)
    broken = sum(bool(record["traceback"]) for record in configs)
    no, share = len(configs) - len(tried), good / max(len(tried), 1)
    return (
        f"{len(configs)} of the {shipped} configs were tried: {no} are refused with a sentence, {len(tried)} are "
        f"detectors of boxes. Of these, {good} ({share:.1%}) resolve and build under both recipes, keep all that "
        f"`recipe: config` promises, and take attention. Tracebacks: {broken}."
    )


def detectors(configs: Records) -> str:
    """One row a detector class and backbone."""
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for record in configs:
        if not record["refused"]:
            groups[record["detector"], record["backbone"], record.get("neck") or "none"].append(record)
    rows = []
    for (detector, backbone, neck), records in sorted(groups.items()):
        places = sorted({place for record in records for place in record["places"]}, key=_order)
        good = sum(works(record) for record in records)
        shortest = min((record["config"] for record in records), key=len)
        said = next((_first_error(record) for record in records if not works(record)), "")
        rows.append((detector, backbone, neck, f"{good} of {len(records)}", ", ".join(places), f"`{shortest}`", said))
    return table(("detector", "backbone", "neck", "configs", "places", "e.g.", "what is wrong with the rest"), rows)


def trained(kinds: Records) -> str:
    rows = [
        (
            record["kind"], f"`{record['config']}`",
            "failed" if record["error"] else ", ".join(f"{loss:.2f}" for loss in record["losses"]),
            "" if record["error"] else str(record["detections"]),
        )
        for record in kinds
    ]  # fmt: skip
    return table(("detector", "config", "losses of two iterations", "boxes predicted in two images"), rows)


def refused(configs: Records) -> str:
    reasons = Counter(_reason(record["refused"]) for record in configs if record["refused"])
    return table(("configs", "why not"), [(str(number), reason) for reason, number in reasons.most_common()])


def _reason(words: str) -> str:
    return words if not words.startswith("detector.config: ") else words.partition("' ")[2]


def _first_error(record: Mapping[str, Any]) -> str:
    if record["traceback"]:
        return str(record["traceback"]).strip().splitlines()[-1]
    for recipe in record["recipes"].values():
        if "error" in recipe:
            return str(recipe["error"]).partition("': ")[2][:160]
        if recipe.get("lost"):
            return f"not kept: {', '.join(recipe['lost'][:3])}"
    return "takes no attention"


def _order(place: str) -> tuple[int, str]:
    order = ("after_conv1", "after_conv2", "after_conv3", "before_add", "after_stage", "neck")
    return order.index(place), place


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows)])
