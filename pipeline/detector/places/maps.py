"""Which maps pass through which module: one forward pass of a detector without weights, on no device if possible.

torch's `meta` device computes shapes alone, so that a pass at full image size costs milliseconds. MMCV's own
operators do not know it: deformable convolutions pass as plain ones, detectors with others (CARAFE) on the CPU.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pipeline.common.files import canonical
from pipeline.detector.placement import Side
from pipeline.detector.places.undeformed import undeform
from pipeline.detector.quiet import quiet

Shape = tuple[int, int, int]  # channels, height, width
NO_MAP = (0, 0, 0)  # stands for a tensor that is no (N, C, H, W)
KEPT = 4  # detectors of one study are the variants' few bases


@dataclass(frozen=True)
class Host:
    """A detector without attention, and the maps of each of its modules: one shape, or a list of them.

    `failure` are the words of what stopped the pass, if anything did: then the maps end there.
    """

    model: nn.Module
    inputs: Mapping[str, Shape | list[Shape]]
    outputs: Mapping[str, Shape | list[Shape]]
    failure: str | None

    def shapes(self, module: str, side: Side) -> Shape | list[Shape] | None:
        """None for a module that the pass does not reach, or that it gives no map."""
        return (self.inputs if side == "input" else self.outputs).get(module)


class _ValuesOnCPU(TorchFunctionMode):
    """Drop-path schedules read numbers out of `linspace`, which a tensor without values cannot give."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.linspace:
            kwargs = {**kwargs, "device": "cpu"}
        return func(*args, **kwargs)


def build_without_weights(model: Mapping[str, Any]) -> nn.Module:
    """The detector of a model config with parameters that have shapes and no values; at no cost."""
    init_default_scope("mmdet")
    with torch.device("meta"), _ValuesOnCPU(), quiet():
        built: nn.Module = MODELS.build(_own_copy(model))
    return built


def _own_copy(model: Mapping[str, Any]) -> ConfigDict:
    """Constructors of transformers write into the config that they are given."""
    return copy.deepcopy(ConfigDict(model))


def host_of(model: Mapping[str, Any], image_size: tuple[int, int]) -> Host:
    """The detector of a model config and its maps for an image of `image_size` (width, height)."""
    return _host(canonical(model).decode(), _Model(model), image_size)


class _Model:
    """A model config that `lru_cache` takes; its text, given beside it, is the key."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Model)


@lru_cache(maxsize=KEPT)
def _host(text: str, model: _Model, image_size: tuple[int, int]) -> Host:
    width, height = (-(-side // 32) * 32 for side in image_size)  # as batches are padded
    built = build_without_weights(model.config).eval()
    undeform(built)
    inputs, outputs, failure = _pass(built, torch.empty(1, 3, height, width, device="meta"))
    if failure:
        real: nn.Module = MODELS.build(_own_copy(model.config)).eval()
        inputs, outputs, failure = _pass(real, torch.zeros(1, 3, height, width))
    return Host(built, inputs, outputs, failure)


@torch.no_grad()
def _pass(model: Any, image: Tensor) -> tuple[dict[str, Any], dict[str, Any], str | None]:
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    try:
        with _recording(model, inputs, outputs):
            _forward(model, image)
    except Exception as error:  # maps that do not fit, or an operator that is not there, fail in many ways
        return inputs, outputs, " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return inputs, outputs, None


def _forward(model: Any, image: Tensor) -> None:
    features = model.backbone(image)
    if model.with_neck:
        features = model.neck(features)
    for part in ("rpn_head", "bbox_head"):  # what comes after needs boxes, which meta tensors cannot give
        if getattr(model, part, None) is not None:
            with contextlib.suppress(Exception):  # a head of queries takes more than maps
                getattr(model, part)(features)


@contextlib.contextmanager
def _recording(model: nn.Module, inputs: dict[str, Any], outputs: dict[str, Any]) -> Iterator[None]:
    def record(name: str) -> Callable[..., None]:
        def note(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            for kept, value in ((inputs, args[0] if args else None), (outputs, output)):
                if name not in kept and isinstance(value, Tensor | tuple | list):
                    kept[name] = _shape(value)

        return note

    handles = [module.register_forward_hook(record(name)) for name, module in model.named_modules() if name]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _shape(value: Any) -> Shape | list[Shape]:
    if isinstance(value, tuple | list):
        return [_shape(item) if isinstance(item, Tensor) else NO_MAP for item in value]  # type: ignore[misc]
    return (value.shape[1], value.shape[2], value.shape[3]) if value.ndim == 4 else NO_MAP
