"""Attention modules, one file a paper; the file's name is the module's name in params.yaml.

To add your own, name any class by where it stands, `my_package.blocks:MyGate` or `modules/gate.py:MyGate`; or drop
`mine.py` in here with one class that derives from `Attention`, and name `mine`. Nothing is registered anywhere else.
Files that start with `_` are helpers.

This file loads without torch, so that params.yaml can be checked by commands that train nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pipeline.attention import _names
from pipeline.attention._names import WIDER, label, module_of
from pipeline.common.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from pipeline.attention._base import Attention

__all__ = ["WIDER", "Attention", "build", "known", "label", "module_of", "names", "no_decay", "try_out"]


def __getattr__(name: str) -> Any:
    """`from pipeline.attention import Attention` loads torch; importing this package alone does not."""
    if name == "Attention":
        return importlib.import_module("pipeline.attention._base").Attention
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def names() -> list[str]:
    """The modules of this package, sorted."""
    return _names.names(list(__path__))


def known(name: str) -> None:
    """Raises UserError for a name that cannot be a module's; whether an import path leads anywhere is not looked at."""
    if _names.elsewhere(name) is None and name not in names():
        raise UserError(
            f"unknown attention {name!r}; allowed: {', '.join(names())}; or a class of your own, as "
            "`package.module:Class` or `folder/file.py:Class`"
        )


def build(
    name: str, channels: int | None = None, *, in_channels: int | None = None, init: str = "official", **options: Any
) -> Attention:
    """One module for maps of `channels` channels: (N, C, H, W) -> (N, C, H, W).

    Args:
        name: one of `names()`, or an import path: `package.module:Class`, `folder/file.py:Class`, `mmcv:Name`.
        channels: C; or `in_channels`, as MMDetection calls it.
        init: `official`, as its authors start it (most then scale or scramble a pretrained backbone at step 0), or
            `identity`: y = x + scale * (f(x) - x) with a learnable scale that starts at 0.
        options: the module's own, the arguments of its `__init__`, and `form` where it has several.

    Raises:
        UserError: unknown name, option or value; a file without exactly one attention class; a class that cannot be
            imported or made.
    """
    from pipeline.attention import _imported
    from pipeline.attention._base import Attention, Recipe
    from pipeline.attention._checks import one_of, whole
    from pipeline.attention._options import INITS, complete

    known(name)
    try:
        place = _names.elsewhere(name)
        kind = _find(name) if place is None else _imported.find(place)
        one_of("init", init, INITS)
        if (channels is None) == (in_channels is None):
            raise UserError("give either `channels` or `in_channels`")
        width = whole("channels", in_channels if channels is None else channels)
        if issubclass(kind, Attention):
            constructor: Callable[..., Attention] = kind
            module = constructor(width, **complete(constructor, kind.forms, options))
        else:
            module = _imported.Imported(width, kind=kind, options=options)
    except UserError as error:
        raise UserError(f"attention `{name}`: {error}") from None
    module.recipe = Recipe(name, width, init, options)
    if init == "identity":
        module.start_as_identity()
    module.init_weights()
    return module


def try_out(name: str, channels: int, *, init: str = "official", **options: Any) -> None:
    """Make a module and run it forward and backward on a small odd map, on the CPU.

    Raises UserError where it could not stand in a detector: another shape or type of output, a write into its input,
    NaN, an unused parameter, a failure. Draws from a generator of its own.
    """
    import torch

    from pipeline.attention import _imported

    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.manual_seed(0)
        module = build(name, channels, **options)
        try:
            _imported.try_out(module, channels, identity=init == "identity")
        except UserError as error:
            raise UserError(f"attention `{name}`: {error}") from None


def no_decay(module: nn.Module) -> set[str]:
    """Names of the parameters below `module` that weight decay must leave alone, relative to it.

    These are the biases, the affines of norms and every other scale or shift of a gate: decay would pull
    them from their neutral value. Weights that mix channels or pixels (matrices, kernels) do decay.
    """
    from torch.nn import Linear
    from torch.nn.modules.conv import _ConvNd

    return {
        f"{path}.{name}".removeprefix(".")
        for path, owner in module.named_modules()
        for name, parameter in owner.named_parameters(recurse=False)
        if not (isinstance(owner, Linear | _ConvNd) and name == "weight")
        and sum(size > 1 for size in parameter.shape) <= 1
    }


def _find(name: str) -> type[Attention]:
    base = importlib.import_module("pipeline.attention._base").Attention
    module = importlib.import_module(f"{__name__}.{name}")
    classes = [
        value
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
        if not key.startswith("_")
    ]
    if len(classes) != 1:
        found = ", ".join(value.__name__ for value in classes) or "none"
        raise UserError(f"{module.__file__}: one public class derived from Attention is needed; found: {found}")
    return classes[0]
