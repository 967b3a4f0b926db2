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


def build(name: str, channels: int | None = None, **options: Any) -> Attention:
    """One module for maps of `channels` channels: (N, C, H, W) -> (N, C, H, W).

    Args:
        name: a file of this package, see `names()`.
        channels: C; MMDetection's spelling `in_channels=` is taken too.
        options: the module's own, and for each one `init`: official, or identity (see `Attention`).

    Raises:
        UserError: unknown name, option or value; or a file without exactly one attention class.
    """
    return _find(name)(channels, **options)


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


def _find(name: str) -> Callable[..., Attention]:
    from pipeline.common.errors import UserError  # study itself asks this package for its names

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
