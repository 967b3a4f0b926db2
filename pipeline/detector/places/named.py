"""The named places of a detector: `after_conv1` to `after_conv3`, `before_add`, `after_stage` and `neck`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, repeat

from torch import nn

from pipeline.detector.placement import Side, runs_children
from pipeline.detector.places.blocks import block_places
from pipeline.detector.places.maps import NO_MAP, Host, Shape
from pipeline.detector.places.stages import stage_names


@dataclass(frozen=True)
class Place:
    """One place: its name, the stage (from 1) or level (from 0), and the map there."""

    name: str
    number: int
    module: str
    side: Side
    host: str
    kind: str  # class of the block, stage or neck
    shape: Shape
    index: int | None = None


def backbone_places(host: Host) -> list[Place]:
    """Every named place of the backbone, stage by stage in the order in which maps pass."""
    backbone = host.model.get_submodule("backbone")
    names = stage_names(backbone)
    if names is None:
        return list(_outputs(host, "backbone", "after_stage", _numbers_of_outputs(backbone)))
    return [place for number, name in enumerate(names, 1) for place in _of_stage(host, f"backbone.{name}", number)]


def neck_places(host: Host) -> list[Place]:
    """The levels of the neck; none for a detector without one."""
    if not getattr(host.model, "with_neck", False):
        return []
    return list(_outputs(host, _last_if_a_list(host.model, "neck"), "neck", count()))


def _of_stage(host: Host, stage: str, number: int) -> Iterator[Place]:
    inside: str | None = None
    for name, module in host.model.get_submodule(stage).named_modules(prefix=stage):
        if inside is not None and name.startswith(f"{inside}."):
            continue
        places: Mapping[str, tuple[str, Side]] | None = block_places(module)
        if places is None:
            continue
        inside = name
        for place, (child, side) in places.items():
            shape = _map(host, f"{name}.{child}", side)
            if shape != NO_MAP:
                yield Place(place, number, f"{name}.{child}", side, name, type(module).__name__, shape)
    module = host.model.get_submodule(stage)
    if isinstance(host.shapes(stage, "output"), list):
        yield from _outputs(host, _last_if_a_list(host.model, stage), "after_stage", repeat(number))
    else:
        shape = _map(host, stage, "output")
        yield Place("after_stage", number, stage, "output", stage, type(module).__name__, shape)


def _numbers_of_outputs(backbone: nn.Module) -> Iterable[int]:
    """The stages whose maps a backbone outputs: `out_indices` count them from 0."""
    indices = getattr(backbone, "out_indices", None)
    return [index + 1 for index in indices] if indices else count(1)


def _outputs(host: Host, module: str, place: str, numbers: Iterable[int]) -> Iterator[Place]:
    """One place a map that `module` gives, with the stage or level that each is."""
    shapes = host.shapes(module, "output")
    kind = type(host.model.get_submodule(module)).__name__
    if not isinstance(shapes, list):
        shapes, single = [shapes or NO_MAP], True
    else:
        single = False
    for i, (shape, number) in enumerate(zip(shapes, numbers, strict=False)):
        if shape != NO_MAP:
            yield Place(place, number, module, "output", module, kind, shape, None if single else i)


def _last_if_a_list(model: nn.Module, name: str) -> str:
    """What gives the maps of a Sequential is its last module; a child of the Sequential itself would run in turn."""
    module = model.get_submodule(name)
    return f"{name}.{len(module) - 1}" if runs_children(module) and isinstance(module, nn.Sequential) else name


def _map(host: Host, module: str, side: Side) -> Shape:
    shapes = host.shapes(module, side)
    if isinstance(shapes, list):  # TridentNet's branches go through one module, or are a list of maps of one shape
        return shapes[0] if shapes and all(shape[0] == shapes[0][0] for shape in shapes) else NO_MAP
    return shapes or NO_MAP
