"""The places of a detector as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from pipeline.detector.places.maps import Host
from pipeline.detector.places.named import Place, backbone_places, neck_places

ORDER = ("after_conv1", "after_conv2", "after_conv3", "before_add", "after_stage", "neck")


def rows(host: Host) -> Iterator[tuple[str, ...]]:
    """place, stage or level, what it is in, channels, map (width x height), how often, the modules' names."""

    def key(place: Place) -> tuple[int, int, str, tuple[int, int, int]]:
        return ORDER.index(place.name), place.number, place.kind, place.shape

    found = sorted([*backbone_places(host), *neck_places(host)], key=key)
    for (_, number, kind, (channels, height, width)), group in groupby(found, key):
        alike = list(group)
        yield (
            alike[0].name, str(number), kind, str(channels), f"{width} x {height}", str(len(alike)), _names(alike),
        )  # fmt: skip


def _names(places: list[Place]) -> str:
    """One name, or the first and the last of several."""
    names = list(dict.fromkeys(place.module for place in places))
    return names[0] if len(names) == 1 else f"{names[0]} ... {names[-1]}"
