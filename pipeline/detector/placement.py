"""Attention in a detector that already exists: any module, any place, no other key renamed.

`WithAttention` stands where a detector's type stands in the config and names that type in `module`. It builds
the detector as MMDetection would, then adds each attention as a child of the module it works on and lets a
forward hook apply it. MMDetection's own `plugins` know Bottleneck only, have no place between stages or in a
neck, and refuse BasicBlock.

The sites are found when the study is planned (pipeline.detector.places) and stand in the plan. Adding children
leaves every other state-dict key as it was, so pretrained weights still load in full.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mmdet.registry import MODELS
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline import attention as modules

PREFIX = "attention_"  # begins the name of every inserted attention
INSERTED = re.compile(PREFIX + "(after_conv[0-9]|before_add|after_stage|neck|at)_")  # Sparse R-CNN has `attention_norm`
Side = Literal["output", "input"]


@dataclass(frozen=True)
class Site:
    """Where one attention works: on a map of `channels` channels that `module` takes or gives.

    Modules are named from the detector's root. `index` chooses one of the maps where there are several (a neck's
    level, a branch); None means every map, each by the same attention. The attention becomes `host`'s child `child`.
    """

    module: str
    side: Side
    channels: int
    host: str
    child: str
    index: int | None = None


@MODELS.register_module(name="WithAttention")
def with_attention(module: str, attention: Sequence[Mapping[str, Any]], **kwargs: Any) -> nn.Module:
    """Build the detector `module` from `kwargs` and insert each of `attention`: {name, options, sites}."""
    model: nn.Module = MODELS.build(dict(type=module, **kwargs))
    for insertion in attention:
        for site in insertion["sites"]:
            insert(model, modules.build(insertion["name"], site["channels"], **insertion["options"]), Site(**site))
    return model


def insert(model: nn.Module, module: nn.Module, site: Site) -> None:
    """Add `module` to `model` at `site`."""
    if any(isinstance(child, _BatchNorm) for child in module.modules()):
        module.register_forward_pre_hook(_norms_follow)
    host, target = model.get_submodule(site.host), model.get_submodule(site.module)
    host.add_module(site.child, module)
    if host is target and runs_children(host):
        return
    if site.side == "input":
        target.register_forward_pre_hook(_Apply(module, site.index, on_input=True))
    else:
        target.register_forward_hook(_Apply(module, site.index))


def runs_children(module: nn.Module) -> bool:
    """Whether a child added to `module` runs last of itself."""
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def attention_modules(model: nn.Module) -> dict[str, nn.Module]:
    """The inserted modules of a model by name, e.g. `backbone.layer1.0.attention_before_add_se`."""
    return {name: child for name, child in model.named_modules() if INSERTED.match(name.rpartition(".")[2])}


class _Apply:
    """A hook that copies and pickles with its model, as a closure would not (deepcopy keeps the pairing)."""

    def __init__(self, module: nn.Module, index: int | None, on_input: bool = False) -> None:
        self.module, self.index, self.on_input = module, index, on_input

    def __call__(self, host: nn.Module, args: tuple[Any, ...], output: Any = None) -> Any:
        if self.on_input:
            return (self._changed(args[0]), *args[1:])
        return self._changed(output)

    def _changed(self, maps: Any) -> Any:
        if not isinstance(maps, tuple | list):
            return self.module(maps)
        chosen = range(len(maps)) if self.index is None else (self.index,)
        return type(maps)(self.module(x) if i in chosen else x for i, x in enumerate(maps))


def _norms_follow(module: nn.Module, args: tuple[Any, ...]) -> None:
    """`norm_eval` puts every BatchNorm of a backbone in eval mode; a fresh attention's must keep learning."""
    for norm in module.modules():
        if isinstance(norm, _BatchNorm):
            norm.training = module.training
