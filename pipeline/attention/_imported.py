"""A module from outside this package, by its import path: found, given its channels, started, and tried out."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.attention._base import Attention
from pipeline.attention._names import Elsewhere
from pipeline.common.errors import UserError

# What constructors call the number of channels; the first that stands in a signature gets it.
CHANNELS = (
    "channels", "in_channels", "channel", "dim", "inp", "inplanes", "in_planes", "planes", "in_dim", "in_size", "chans",
    "gate_channels", "c1",
)  # fmt: skip
OUT = {"in_channels": "out_channels", "inp": "oup", "c1": "c2"}  # and this one too, where it has no default
MAP = (13, 17)  # an odd map, on which a module is tried


def find(place: Elsewhere) -> type[nn.Module]:
    """The class. Raises UserError where it cannot be imported or is no torch module."""
    if place.module == "mmcv":
        importlib.import_module("mmcv.cnn")  # registers MMCV's
        from mmengine.registry import MODELS

        found = MODELS.get(place.kind)
        if found is None:
            raise UserError(
                f"MMCV's registry has no {place.kind!r}; e.g. ContextBlock, NonLocal2d, GeneralizedAttention"
            )
    else:
        try:
            module = importlib.import_module(place.module)
        except Exception as error:  # whatever the file's own lines raise
            raise UserError(f"{place.module} cannot be imported: {type(error).__name__}: {error}") from None
        found = getattr(module, place.kind, None)
    if not isinstance(found, type) or not issubclass(found, nn.Module):
        raise UserError(f"{place.module} has no class {place.kind} that derives from torch.nn.Module")
    return found


class Imported(Attention):
    """A torch module that knows nothing of this project: (N, C, H, W) -> (N, C, H, W) for any H and W.

    Its start is that of its constructor, or of its `init_weights()` where it has one, as MMEngine would call it. A
    parent's initialisation overwrites convolutions and norms afterwards; `init_weights` brings the start back.
    """

    def __init__(self, channels: int, *, kind: type[nn.Module], options: Mapping[str, Any]) -> None:
        super().__init__()
        self.kind, self.arguments = kind, arguments(kind, channels, options)
        self.module = self._fresh()
        self._start = _copy(self.module)

    def _fresh(self) -> nn.Module:
        with torch.device("cpu"):  # a constructor may look at its values, and `meta` has none
            try:
                module = self.kind(**self.arguments)
                if callable(start := getattr(module, "init_weights", None)):
                    start()
            except Exception as error:  # whatever the module's own lines raise
                raise UserError(f"{self.kind.__name__} cannot be made: {type(error).__name__}: {error}") from None
        return module

    def reset_parameters(self) -> None:
        """Draw the start anew, from torch's generator: the detector seeds it by the study's seed and the place."""
        self._start = _copy(self._fresh())

    def init_weights(self) -> None:
        self.module.load_state_dict(self._start)
        if self.identity_scale is not None:
            nn.init.zeros_(self.identity_scale)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.module(x)
        return y


def arguments(kind: type[nn.Module], channels: int, options: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's keyword arguments: `options`, and the channels under the name that it has for them.

    Raises UserError for an option that it does not name, or an argument that is left without a value.
    """
    known = _parameters(kind)
    given = dict(options)
    for name in CHANNELS:
        if name in known and name not in given:
            given[name] = channels
            out = OUT.get(name, "")
            if out in known and known[out].default is inspect.Parameter.empty:
                given.setdefault(out, channels)
            break
    shown = ", ".join(str(parameter) for parameter in known.values()) or "none"
    for name in given:
        if name not in known:
            raise UserError(f"unknown option `{name}`; the arguments of {kind.__name__}: {shown}")
    for name, parameter in known.items():
        if parameter.default is inspect.Parameter.empty and name not in given:
            raise UserError(
                f"no value for argument `{name}` of {kind.__name__}: give it as an option, or call it one of "
                f"{', '.join(CHANNELS)} if it is the number of channels; its arguments: {shown}"
            )
    return given


def _parameters(kind: type[nn.Module]) -> dict[str, inspect.Parameter]:
    """What the constructor names, and those it hands on to with `**options`; torch's own takes anything."""
    known: dict[str, inspect.Parameter] = {}
    for base in kind.__mro__:
        if base is nn.Module:
            break
        if "__init__" not in vars(base):
            continue
        parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                known.setdefault(parameter.name, parameter.replace(annotation=inspect.Parameter.empty))
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return known


def try_out(module: Attention, channels: int, identity: bool) -> None:
    """One pass each in train and eval mode, forward and backward, on an odd map.

    Raises UserError for what a detector could not use, or could not train with `init: identity`.
    """
    for training in (True, False):
        x = torch.randn(2, channels, *MAP).requires_grad_()
        given = x + 0  # a map between two layers, which in-place operations may touch
        try:
            y = module.train(training)(given)
            problem = _problem(module, x, given, y)
        except UserError:
            raise
        except Exception as error:  # whatever the module's own lines raise
            problem = f"its forward pass fails: {type(error).__name__}: {error}"
        if not problem and identity and torch.equal(x, y):
            problem = (
                "it starts as the identity already; with `init: identity` too it would never learn: leave that out"
            )
        if problem:
            raise UserError(f"tried on a map of {' x '.join(map(str, x.shape))}: {problem}")


def _problem(module: nn.Module, x: Tensor, given: Tensor, y: Any) -> str | None:
    if not isinstance(y, Tensor):
        return f"it returns a {type(y).__name__}; one tensor is needed"
    if y.shape != x.shape:
        return f"it returns {' x '.join(map(str, y.shape))}; the shape of its input is needed"
    if not torch.equal(given, x):
        return "it writes into its input, which the shortcut beside it adds too"
    if not bool(y.isfinite().all()):
        return "it returns infinite numbers or NaN"
    learnt = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    slopes = torch.autograd.grad(y.sum(), [x, *learnt.values()], allow_unused=True)
    unused = [name for name, slope in zip(learnt, slopes[1:], strict=True) if slope is None]
    if unused and module.training:
        return f"parameter {unused[0]} is not used, and several processes would wait for its gradient"
    return None


def _copy(module: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in module.state_dict().items()}
