"""Attention in a detector that already exists: any module, any place, no other key renamed.

`WithAttention` stands where a backbone's or a neck's type stands in the config and names that type in
`module`. It builds the module as MMDetection would, then adds each attention as a child beside the
layers it works on and lets a forward hook apply it. MMDetection's own `plugins` know Bottleneck only,
have no place between stages or in a neck, and refuse BasicBlock.

Adding children leaves every other state-dict key as it was, so pretrained weights still load in full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmdet.registry import MODELS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline import attention
from pipeline.common.errors import UserError

PREFIX = "attention_"  # begins the key of every attention's parameters


@MODELS.register_module(name="WithAttention")
def with_attention(module: str, attention: Sequence[Mapping[str, Any]], **kwargs: Any) -> nn.Module:
    """Build `module` from `kwargs` and insert each of `attention`.

    An insertion has `name`, `options`, `place`, and `stages` (from 1) or `levels` (from 0); None means
    all. Raises UserError for a place, stage or level that the module does not have.
    """
    host: nn.Module = MODELS.build(dict(type=module, **kwargs))
    for insertion in attention:
        if insertion["place"] == "neck":
            _insert_in_neck(host, insertion)
        else:
            _insert_in_backbone(host, insertion)
    return host


def attention_modules(model: nn.Module) -> dict[str, nn.Module]:
    """The inserted modules of a model by name, e.g. `backbone.layer1.0.attention_before_add_se`."""
    return {name: child for name, child in model.named_modules() if name.rpartition(".")[2].startswith(PREFIX)}


class _Apply:
    """A hook that copies and pickles with its model, as a closure would not (deepcopy keeps the pairing)."""

    def __init__(self, modules: Mapping[int, nn.Module] | nn.Module, on_input: bool = False) -> None:
        self.modules, self.on_input = modules, on_input

    def __call__(self, host: nn.Module, args: tuple[Any, ...], output: Any = None) -> Any:
        if isinstance(self.modules, nn.Module):
            x: Tensor = args[0] if self.on_input else output
            y = self.modules(x)
            return (y, *args[1:]) if self.on_input else y
        return type(output)(self.modules[i](x) if i in self.modules else x for i, x in enumerate(output))


def _norms_follow(module: nn.Module, args: tuple[Any, ...]) -> None:
    """`norm_eval` puts every BatchNorm of a backbone in eval mode; a fresh attention's must keep learning."""
    for norm in module.modules():
        if isinstance(norm, _BatchNorm):
            norm.training = module.training


def _build(insertion: Mapping[str, Any], channels: int, host: nn.Module) -> nn.Module:
    """Build one attention and add it to `host` as a child with a name of its own."""
    module = attention.build(insertion["name"], channels, **insertion["options"])
    if any(isinstance(child, _BatchNorm) for child in module.modules()):
        module.register_forward_pre_hook(_norms_follow)
    base = f"{PREFIX}{insertion['place']}_{attention.label(insertion['name'])}"
    taken = sum(1 for name, _ in host.named_children() if name == base or name.startswith(base + "_n"))
    host.add_module(base if not taken else f"{base}_n{taken + 1}", module)
    return module


def _insert_in_backbone(backbone: nn.Module, insertion: Mapping[str, Any]) -> None:
    names = getattr(backbone, "res_layers", None)
    if not names or not all(isinstance(name, str) for name in names):
        raise UserError(
            f"attention {insertion['name']}: place {insertion['place']!r} needs a backbone of residual stages, "
            f"{type(backbone).__name__} has none; allowed: neck"
        )
    stages = insertion["stages"] or list(range(1, len(names) + 1))
    frozen = getattr(backbone, "frozen_stages", -1)
    for stage in stages:
        if stage > len(names):
            raise UserError(f"attention {insertion['name']}: no stage {stage}; allowed: 1 to {len(names)}")
        if stage <= frozen:
            raise UserError(
                f"attention {insertion['name']}: stage {stage} is frozen (detector.frozen_stages is {frozen}), so the "
                f"module would never learn; allowed: stages above {frozen}, or frozen_stages below {stage}"
            )
        layer = getattr(backbone, names[stage - 1])
        blocks = [child for name, child in layer.named_children() if not name.startswith(PREFIX)]
        if insertion["place"] == "after_stage":
            _build(insertion, _last_norm(blocks[-1]).num_features, layer)  # a Sequential runs its last child last
        else:
            for block in blocks:
                _insert_in_block(block, insertion)


def _insert_in_block(block: nn.Module, insertion: Mapping[str, Any]) -> None:
    """After a convolution means after its norm and ReLU: the input of the next one."""
    places = block_places(block)
    place = insertion["place"]
    if place not in places:
        raise UserError(
            f"attention {insertion['name']}: {type(block).__name__} has no place {place!r}; "
            f"allowed: {', '.join(places)}, after_stage, neck"
        )
    last = _last_convolution(block)
    after = last if place == "before_add" else int(place.removeprefix("after_conv"))
    if after == last:
        norm = _last_norm(block)
        norm.register_forward_hook(_Apply(_build(insertion, norm.num_features, block)))
    else:
        following = getattr(block, f"conv{after + 1}")
        module = _build(insertion, following.in_channels, block)
        following.register_forward_pre_hook(_Apply(module, on_input=True))


def block_places(block: nn.Module) -> list[str]:
    """The places a residual block has: those after convolutions whose output can be met, and before_add."""
    last = _last_convolution(block)
    between = [i for i in range(1, last) if hasattr(block, f"conv{i + 1}")]
    return [f"after_conv{i}" for i in [*between, last]] + ["before_add"]


def _last_convolution(block: nn.Module) -> int:
    return max(int(name[4:]) for name, _ in block.named_children() if name.startswith("conv") and name[4:].isdigit())


def _last_norm(block: nn.Module) -> Any:
    return getattr(block, getattr(block, f"norm{_last_convolution(block)}_name"))


def _insert_in_neck(neck: nn.Module, insertion: Mapping[str, Any]) -> None:
    outputs, channels = getattr(neck, "num_outs", None), getattr(neck, "out_channels", None)
    if not isinstance(outputs, int) or not isinstance(channels, int):
        raise UserError(
            f"attention {insertion['name']}: place 'neck' needs a feature pyramid (num_outs, out_channels), "
            f"{type(neck).__name__} is none; allowed: the places of the backbone"
        )
    levels = range(outputs) if insertion["levels"] is None else insertion["levels"]
    for level in levels:
        if level >= outputs:
            raise UserError(f"attention {insertion['name']}: no neck level {level}; allowed: 0 to {outputs - 1}")
    modules = {level: _build(insertion, channels, neck) for level in levels}
    neck.register_forward_hook(_Apply(modules))
