"""`configs` and `places`: what MMDetection has, and where attention may go in the study's detector."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.common.errors import UserError
from pipeline.common.paths import Paths
from pipeline.common.progress import show
from pipeline.study import Study, load


def configs(words: Sequence[str]) -> None:
    """MMDetection's configs whose name holds all `words`: backbone, neck, and why not where one is not supported."""
    from pipeline.detector.config import base, support

    names = [name for name in base.shipped() if all(word.lower() in name.lower() for word in words)]
    if not names:
        raise UserError(f"no config of MMDetection has {' and '.join(words)} in its name; fewer letters find more")
    table = Table("config", "backbone", "neck", "supported")
    for number, name in enumerate(names, 1):
        table.add_row(name, *_described(base, support, name))
        show("configs read", number, len(names))
    _print(table)


def _described(base: Any, support: Any, name: str) -> tuple[str, str, str]:
    try:
        cfg = base.load(name)
    except UserError as error:
        return "", "", str(error).partition(": ")[2].partition(": ")[2]
    model = cfg.get("model") or {}
    return _type(model.get("backbone")), _type(model.get("neck")), support.refusal(cfg, classes=2) or "yes"


def _print(table: Table) -> None:
    """As wide as the terminal; where there is none, as wide as the table needs."""
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _type(part: Any) -> str:
    parts = part if isinstance(part, list) else [part]
    return " + ".join(str(item["type"]) for item in parts if item)


def places(paths: Paths) -> None:
    """Every place of the study's detector with its map, and what each variant adds where."""
    from pipeline.detector.config import without_attention
    from pipeline.detector.places.listing import rows
    from pipeline.detector.places.maps import host_of
    from pipeline.detector.places.own import own_attention
    from pipeline.study.sections import Variant

    study = load(paths.params)
    cfg = without_attention(study, Variant())
    host = host_of(cfg.model.to_dict(), tuple(cfg.resources.image_size))
    width, height = cfg.resources.image_size
    title = f"{study.detector.config}, images of {width} x {height}"
    table = Table("place", "stage or level", "in", "channels", "map", "times", "modules", title=title)
    for row in rows(host):
        table.add_row(*row)
    _print(table)
    for sentence in own_attention(host.model):
        print(f"the detector has attention of its own: {sentence}")
    for name, variant in study.variants.items():
        if variant.attention or variant.widen:
            print(f"{name}: {_added(study, name)}")


def _added(study: Study, variant: str) -> str:
    """What each insertion of a variant adds, or why it cannot."""
    from pipeline.detector.config import resolve
    from pipeline.detector.places.maps import build_without_weights
    from pipeline.detector.places.pairs import pixel_pairs

    try:
        cfg = resolve(study, variant)
        built = build_without_weights(cfg.model)
    except UserError as error:
        return f"error: {error}"
    return "; ".join(
        _insertion(built, insertion, pairs)
        for insertion, pairs in zip(cfg.model.attention, pixel_pairs(cfg), strict=True)
    )


def _insertion(built: Any, insertion: Any, pairs: int) -> str:
    modules = [built.get_submodule(f"{site.host}.{site.child}") for site in insertion.sites]
    parameters = sum(parameter.numel() for module in modules for parameter in module.parameters())
    channels = sorted({site.channels for site in insertion.sites})
    compared = f", {pairs:,} pairs of pixels an image: they grow with the square of a map" if pairs else ""
    return (
        f"{len(modules)} x {insertion.name} on {', '.join(map(str, channels))} channels, {parameters:,} parameters"
        f"{compared}"
    )
