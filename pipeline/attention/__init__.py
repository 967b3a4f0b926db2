"""Attention modules, one file a paper; the file's name is the module's name in params.yaml.

To add your own, drop `mine.py` in here with one class that derives from `Attention`, and name `mine`. Nothing is
registered anywhere else. Files that start with `_` are helpers.

This file loads without torch, so that params.yaml can be checked by commands that train nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.common.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from pipeline.attention._base import Attention


def __getattr__(name: str) -> Any:
    """`from pipeline.attention import Attention` loads torch; importing this package alone does not."""
    if name == "Attention":
        return importlib.import_module("pipeline.attention._base").Attention
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def names() -> list[str]:
    """The modules that `build` knows, sorted."""
    files = (file for folder in __path__ for file in Path(folder).glob("*.py"))
    return sorted({file.stem for file in files if not file.stem.startswith("_")})


def build(
    name: str, channels: int | None = None, *, in_channels: int | None = None, init: str = "official", **options: Any
) -> Attention:
    """One module for maps of `channels` channels: (N, C, H, W) -> (N, C, H, W).

    Args:
        name: a file of this package, see `names()`.
        channels: C; or `in_channels`, as MMDetection calls it.
        init: `official`, as its authors start it (most then scale or scramble a pretrained backbone at step 0), or
            `identity`: y = x + scale * (f(x) - x) with a learnable scale that starts at 0.
        options: the module's own, the arguments of its `__init__`, and `form` where it has several.

    Raises:
        UserError: unknown name, option or value; or a file without exactly one attention class.
    """
    kind = _find(name)
    from pipeline.attention._checks import one_of, whole
    from pipeline.attention._options import INITS, complete

    try:
        one_of("init", init, INITS)
        if (channels is None) == (in_channels is None):
            raise UserError("give either `channels` or `in_channels`")
        width = whole("channels", in_channels if channels is None else channels)
        constructor: Callable[..., Attention] = kind
        module = constructor(width, **complete(constructor, kind.forms, options))
    except UserError as error:
        raise UserError(f"attention `{name}`: {error}") from None
    if init == "identity":
        module.start_as_identity()
    module.init_weights()
    return module


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
    if name not in names():
        raise UserError(f"unknown attention {name!r}; allowed: {', '.join(names())}")
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
