"""Pixels that a variant's attention compares with each other: work, and naively memory, of the square of a map."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config

from pipeline.detector.places.maps import Host, build_without_weights, host_of


def pixel_pairs(cfg: Config) -> list[int]:
    """For each attention of a resolved config the pairs in one image of the study's size, over all its sites."""
    insertions = cfg.model.get("attention", [])
    if not insertions:
        return []
    built: Any = build_without_weights(cfg.model)
    plain = {key: value for key, value in cfg.model.to_dict().items() if key not in ("attention", "module")}
    host = host_of({**plain, "type": cfg.model.module}, tuple(cfg.resources.image_size))
    return [
        sum(built.get_submodule(f"{site.host}.{site.child}").pixel_pairs(*_map(host, site)) for site in insertion.sites)
        for insertion in insertions
    ]


def _map(host: Host, site: Any) -> tuple[int, int]:
    """Height and width of the map at a site."""
    shapes: Any = host.shapes(site.module, site.side)
    shape = shapes[site.index or 0] if isinstance(shapes, list) else shapes
    return shape[1], shape[2]
