"""An insertion of params.yaml -> the sites where it goes, or one sentence why it goes nowhere."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from pipeline import attention
from pipeline.common.errors import UserError
from pipeline.detector.placement import PREFIX, Site, runs_children
from pipeline.detector.places.maps import NO_MAP, Host
from pipeline.detector.places.named import Place, backbone_places, neck_places
from pipeline.study.sections import Insertion

LOOK = "`python -m pipeline places` lists the places of this detector"


def find_sites(host: Host, insertions: Sequence[Insertion]) -> list[list[Site]]:
    """The sites of each insertion, in the order in which maps pass. Raises UserError for a place that is not there."""
    taken: Counter[tuple[str, str]] = Counter()
    return [_of_insertion(host, insertion, taken) for insertion in insertions]


def _of_insertion(host: Host, insertion: Insertion, taken: Counter[tuple[str, str]]) -> list[Site]:
    if insertion.at is not None:
        places = _matching(host, insertion)
    elif insertion.place == "neck":
        places = _levels(host, insertion)
    else:
        places = _in_stages(host, insertion)
    _refuse_small_maps(insertion, places)
    return [_site(place, insertion, taken) for place in places]


def _site(place: Place, insertion: Insertion, taken: Counter[tuple[str, str]]) -> Site:
    """The child's name says place and module, and counts where that is taken: `attention_neck_se_n2`."""
    base = f"{PREFIX}{place.name}_{attention.label(insertion.name)}"
    taken[place.host, base] += 1
    number = taken[place.host, base]
    child = base if number == 1 else f"{base}_n{number}"
    return Site(place.module, place.side, place.shape[0], place.host, child, place.index)


def _refuse_small_maps(insertion: Insertion, places: Sequence[Place]) -> None:
    """A module says itself which maps are too small; one from elsewhere is tried out when it is planned."""
    if ":" in insertion.name:
        return
    for channels, height, width in {place.shape for place in places}:
        with torch.device("meta"):
            attention.build(insertion.name, channels, **insertion.options).check_map(height, width)


def _levels(host: Host, insertion: Insertion) -> list[Place]:
    levels = neck_places(host)
    if not levels:
        raise UserError(f"attention {insertion.name}: place 'neck': the detector has no neck that gives maps; {LOOK}")
    numbers = [place.number for place in levels]
    for level in insertion.levels or ():
        if level not in numbers:
            raise UserError(f"attention {insertion.name}: no neck level {level}; allowed: 0 to {numbers[-1]}")
    return [place for place in levels if insertion.levels is None or place.number in insertion.levels]


def _in_stages(host: Host, insertion: Insertion) -> list[Place]:
    places = backbone_places(host)
    backbone = host.model.get_submodule("backbone")
    if not places:
        raise UserError(f"attention {insertion.name}: {type(backbone).__name__} gives no maps; {LOOK}")
    numbers = sorted({place.number for place in places})
    stages = insertion.stages or numbers
    for stage in stages:
        if stage not in numbers:
            raise UserError(f"attention {insertion.name}: no stage {stage}; allowed: {numbers[0]} to {numbers[-1]}")
    _refuse_frozen(host, insertion, stages, places)
    return [place for stage in stages for place in _in_one_stage(backbone, insertion, stage, places)]


def _in_one_stage(backbone: nn.Module, insertion: Insertion, stage: int, places: Sequence[Place]) -> list[Place]:
    here = [place for place in places if place.number == stage]
    blocks = [place for place in here if place.name != "after_stage"]
    found = [place for place in here if place.name == insertion.place]
    if found and (insertion.place == "after_stage" or {p.host for p in found} == {p.host for p in blocks}):
        return found
    if not blocks:
        raise UserError(
            f"attention {insertion.name}: place {insertion.place!r} needs residual blocks of (N, C, H, W), stage "
            f"{stage} of {type(backbone).__name__} has none; allowed: after_stage, neck; {LOOK}"
        )
    without = next(place for place in blocks if place.host not in {p.host for p in found})
    names = dict.fromkeys(place.name for place in blocks if place.host == without.host)
    raise UserError(
        f"attention {insertion.name}: {without.kind} has no place {insertion.place!r}; "
        f"allowed: {', '.join(names)}, after_stage, neck"
    )


def _refuse_frozen(host: Host, insertion: Insertion, stages: Sequence[int], places: Sequence[Place]) -> None:
    """A backbone freezes its stages when it is put into training mode, whatever has been added to them."""
    backbone: Any = host.model.get_submodule("backbone")
    backbone.train()
    frozen = [n for n in {place.number for place in places} if _frozen(host.model, n, places)]
    backbone.eval()
    for stage in stages:
        if stage in frozen:
            limit = backbone.frozen_stages - (max(frozen) - stage)
            raise UserError(
                f"attention {insertion.name}: stage {stage} is frozen (detector.frozen_stages is "
                f"{backbone.frozen_stages}), so the module would never learn; allowed: stages above {max(frozen)}, or "
                f"frozen_stages below {limit}"
            )


def _frozen(model: nn.Module, stage: int, places: Sequence[Place]) -> bool:
    (module,) = {place.host for place in places if place.number == stage and place.name == "after_stage"} or {""}
    if module in ("", "backbone"):  # the maps a backbone outputs: what stands there is in no stage
        return False
    parameters = list(model.get_submodule(module).parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


def _matching(host: Host, insertion: Insertion) -> list[Place]:
    """The modules whose name matches a pattern: `*` stands for any part of a name between dots."""
    assert insertion.at is not None
    names = [name for name, _ in host.model.named_modules() if name]
    pattern = re.compile(re.escape(insertion.at).replace(r"\*", "[^.]*"))
    chosen = [name for name in names if pattern.fullmatch(name)]
    if not chosen:
        near = difflib.get_close_matches(insertion.at, names, n=3, cutoff=0.5)
        raise UserError(
            f"attention {insertion.name}: at {insertion.at!r} matches no module of the detector"
            + (f"; near: {', '.join(near)}" if near else "")
            + f"; {LOOK}"
        )
    return [place for name in chosen for place in _at_module(host, name, insertion)]


def _at_module(host: Host, name: str, insertion: Insertion) -> list[Place]:
    side, module = insertion.side, name
    target = host.model.get_submodule(module)
    while side == "input" and runs_children(target) and len(list(target.children())):
        module = f"{module}.{next(child for child, _ in target.named_children())}"
        target = host.model.get_submodule(module)
    shapes = host.shapes(module, side)
    maps = shapes if isinstance(shapes, list) else [shapes or NO_MAP]
    if NO_MAP in maps or not maps:
        raise UserError(
            f"attention {insertion.name}: at {name!r}: the {side} of {type(target).__name__} is no map (N, C, H, W), "
            f"or no image passes through it; {LOOK}"
        )
    kind = type(target).__name__
    if not isinstance(shapes, list):
        return [Place("at", 0, module, side, module, kind, maps[0])]
    holder = f"{module}.{len(list(target.children())) - 1}" if runs_children(target) else module
    return [Place("at", i, module, side, holder, kind, shape, i) for i, shape in enumerate(maps)]
