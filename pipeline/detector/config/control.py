"""A control: the baseline with as many parameters as another variant's attention adds, at the same places, and no
attention. Where the other is better than it, parameters alone are no explanation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from pipeline import attention
from pipeline.common.errors import UserError
from pipeline.detector.placement import Site
from pipeline.detector.places.find import find_sites
from pipeline.detector.places.maps import Host
from pipeline.study.sections import WIDEN_TOLERANCE, Insertion


def widened(host: Host, variant: str, insertions: Sequence[Insertion]) -> list[dict[str, Any]]:
    """What takes the place of `insertions`, those of `variant`, as entries of `WithAttention`.

    A hidden channel of a branch on C channels has 2 C + 1 parameters; each site gets the number that brings the sum of
    all so far nearest to what the attention has there. Raises UserError where that misses the total by more than
    the tolerance.
    """
    plain = [insertion.model_copy(update={"name": attention.WIDER, "options": {}}) for insertion in insertions]
    sites: dict[int, list[Site]] = {}
    wanted = owed = 0
    for insertion, found in zip(insertions, find_sites(host, plain), strict=True):
        for site in found:
            added = _parameters(insertion, site.channels)
            wanted, owed = wanted + added, owed + added
            hidden = max(round(owed / (2 * site.channels + 1)), 0)
            owed -= hidden * (2 * site.channels + 1)
            if hidden:
                sites.setdefault(hidden, []).append(site)
    if not wanted or abs(owed) > WIDEN_TOLERANCE * wanted:
        raise UserError(
            f"widen: {variant} adds {wanted:,} parameters; 1x1 convolutions at its places cannot come within "
            f"{WIDEN_TOLERANCE:.0%} of so few ({wanted - owed:,}); so small a module needs no control of its capacity"
        )
    return [
        dict(name=attention.WIDER, options={"hidden": hidden}, sites=[asdict(site) for site in found])
        for hidden, found in sites.items()
    ]


def _parameters(insertion: Insertion, channels: int) -> int:
    with torch.device("meta"):
        module = attention.build(insertion.name, channels, **insertion.options)
    return sum(parameter.numel() for parameter in module.parameters())
